# SPDX-License-Identifier: Apache-2.0
"""Counts what passes an interface, apart from the software NIC: INTERFACE. Until it is ended; then
one line for each TCP flow and direction: SOURCE:PORT DESTINATION:PORT PACKETS BYTES."""
import signal
import socket
import sys

counts = {}


def end(_signal, _frame):
    for (src, dst), (packets, size) in sorted(counts.items()):
        print(src, dst, packets, size)
    sys.exit(0)


def main():
    signal.signal(signal.SIGTERM, end)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: nothing is missed
    sock.bind((sys.argv[1], 0))
    print("ready", flush=True)
    while True:
        frame = sock.recv(1 << 17)
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        at = 14 + (frame[14] & 15) * 4
        ends = tuple("%s:%d" % (socket.inet_ntoa(frame[26 + i * 4:30 + i * 4]),
                                int.from_bytes(frame[at + 2 * i:at + 2 * i + 2], "big"))
                     for i in (0, 1))
        packets, size = counts.get(ends, (0, 0))
        counts[ends] = (packets + 1, size + len(frame))


main()
