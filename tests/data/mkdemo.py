#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the capture of the demonstration to standard output: a client and an intruder who each
ask the web address for a page. Same bytes at every run.

    10.9.0.5   client    --+
                           +-- wire -- [ NIC ] -- server: 10.20.3.7 web, 10.20.4.2 db
    10.66.0.66 intruder  --+
"""
import socket
import struct
import sys

CLIENT, INTRUDER, WEB, DB = "10.9.0.5", "10.66.0.66", "10.20.3.7", "10.20.4.2"
SYN, ACK, PSH, FIN = 2, 16, 8, 1
START = 1767225600  # 2026-01-01T00:00:00Z
MACS = {CLIENT: 5, INTRUDER: 66, WEB: 7, DB: 7}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(address):
    return b"\x02\0\0\0\0" + bytes([MACS[address]])


def tcp(src, sport, dst, dport, flags, seq, ack, data=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0)
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    pseudo = ends + struct.pack("!BBH", 0, 6, len(head) + len(data))
    head = head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(head) + len(data), 1, 0x4000, 64, 6, 0) + ends
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return mac(dst) + mac(src) + b"\x08\0" + ip + head + data


def talk(src, sport, dst, dport, question, answer):
    """A whole connection, as both ends would send it."""
    q, a = len(question), len(answer)
    return [
        tcp(src, sport, dst, dport, SYN, 1000, 0),
        tcp(dst, dport, src, sport, SYN | ACK, 5000, 1001),
        tcp(src, sport, dst, dport, ACK, 1001, 5001),
        tcp(src, sport, dst, dport, PSH | ACK, 1001, 5001, question),
        tcp(dst, dport, src, sport, PSH | ACK, 5001, 1001 + q, answer),
        tcp(src, sport, dst, dport, FIN | ACK, 1001 + q, 5001 + a),
        tcp(dst, dport, src, sport, FIN | ACK, 5001 + a, 1002 + q),
        tcp(src, sport, dst, dport, ACK, 1002 + q, 5002 + a),
    ]


def arp(src, dst):
    body = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac(src) + socket.inet_aton(src)
    return b"\xff" * 6 + mac(src) + b"\x08\x06" + body + b"\0" * 6 + socket.inet_aton(dst)


def main():
    question = b"GET / HTTP/1.0\r\n\r\n"
    answer = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
    frames = [arp(CLIENT, WEB)]
    frames += talk(CLIENT, 40000, WEB, 8080, question, answer)
    frames += [arp(INTRUDER, WEB)]
    frames += [tcp(INTRUDER, 50000, WEB, 8080, SYN, 77, 0)] * 3
    frames += [tcp(INTRUDER, 50001, DB, 5432, SYN, 88, 0)]
    out = sys.stdout.buffer
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    for i, frame in enumerate(frames):
        out.write(struct.pack("<IIII", START, i * 1000, len(frame), len(frame)) + frame)


main()
