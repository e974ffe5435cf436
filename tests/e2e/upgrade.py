#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients and probes while daemons follow each other; prints what they met.

upgrade.py clients SOCKET PORT KEYS LOCAL TLS - so many clients of each kind ask until a line
    comes. A request on a fresh connection must be answered; one on a kept connection that is
    closed before any byte of its answer is asked once more, afresh, as RFC 9110 9.2.2 lets it.
upgrade.py probe WIRE HOST - frames from the wire's interface: one that must pass, one that must
    not, in turn, until a line comes.
upgrade.py manager NOTIFY PROGRAM ARGUMENT... - starts the program, and again at each line, with the
    sockets that it gave to keep; "end" ends it.
"""
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

import tls_rig


class Local:
    """A connection to the local socket, asked as tls_rig.Peer is."""
    ask = tls_rig.Peer.ask
    answer = tls_rig.Peer.answer
    part = tls_rig.Peer.part
    close = tls_rig.Peer.close

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(tls_rig.WAIT_S)
        self.sock.connect(path)
        self.left = b""


class Client(threading.Thread):
    def __init__(self, opener, pause, stop):
        super().__init__()
        self.opener, self.pause, self.stop_at = opener, pause, stop
        self.asked = self.retried = self.fresh = 0
        self.failed = []

    def once(self, conn, fresh):
        """The connection to go on with, None where it is to be a new one."""
        try:
            status, head, _ = conn.ask("/v1/status")
        except OSError as e:
            conn.close()
            if fresh or conn.left:
                self.failed.append("%s on a %s connection" % (e, "fresh" if fresh else "kept"))
            else:
                self.retried += 1
            return None
        self.asked += 1
        if status != 200:
            self.failed.append("status %d" % status)
        if "Connection: close" in head:
            conn.close()
            return None
        return conn

    def run(self):
        while not self.stop_at.is_set():
            try:
                conn = self.opener()
            except OSError as e:
                self.failed.append("connect: %s" % e)
                continue
            self.fresh += 1
            for i in range(8):
                conn = self.once(conn, i == 0)
                if conn is None or self.stop_at.is_set():
                    break
                time.sleep(self.pause)
            if conn is not None:
                conn.close()
            time.sleep(self.pause)


def clients(path, port, keys, local, tls):
    stop = threading.Event()
    ctx = tls_rig.context(keys + "/ca.crt", (keys + "/client.crt", keys + "/client.key"))
    all_of = [Client(lambda: Local(path), 0.002, stop) for _ in range(local)]
    all_of += [Client(lambda n=n: tls_rig.Peer(port, None, ctx=ctx, source="127.0.2.%d" % n)
                      .shake(), 0.05, stop) for n in range(1, tls + 1)]
    for c in all_of:
        c.start()
    print("asking", flush=True)
    sys.stdin.readline()
    stop.set()
    for c in all_of:
        c.join()
    for c in all_of:
        for what in c.failed[:3]:
            print("failed %s" % what)
    print("connections %d answers %d retried %d failures %d" % (
        sum(c.fresh for c in all_of), sum(c.asked for c in all_of),
        sum(c.retried for c in all_of), sum(len(c.failed) for c in all_of)))
    return any(c.failed for c in all_of) or any(c.asked == 0 for c in all_of)


# --- probes

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def frame(port, number):
    payload = b"probe" + struct.pack("!I", number) + b"\0"
    udp = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xffff, 0, 64, 17, 0,
                       bytes([10, 9, 0, 1]), bytes([10, 20, 3, 7]))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\x02\0\0\0\0\x02" + b"\x02\0\0\0\0\x01" + b"\x08\0" + head + udp


def probe(wire, host):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((wire, 0))
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    heard.bind((host, 0))
    heard.setblocking(False)
    sent, passed, leaked = 0, set(), 0
    end, told = None, False
    # what was sent is heard, however late; what must not pass has a second more to show up
    while end is None or time.monotonic() < end + (tls_rig.WAIT_S if len(passed) < sent else 0):
        if end is None:
            sent += 1
            out.send(frame(8080, sent))
            out.send(frame(8081, sent))
        time.sleep(0.002)
        while True:
            try:
                data, addr = heard.recvfrom(2048)
            except BlockingIOError:
                break
            at = data.find(b"probe")
            if at < 0 or addr[2] == socket.PACKET_OUTGOING:
                continue
            port = struct.unpack("!H", data[36:38])[0]
            number = struct.unpack("!I", data[at + 5:at + 9])[0]
            if port == 8080:
                passed.add(number)
            else:
                leaked += 1
        if passed and not told:
            told = True
            print("probing", flush=True)
        if end is None and select.select([sys.stdin], [], [], 0)[0]:
            end = time.monotonic() + 1
    print("probes %d lost %d leaked %d" % (sent, sent - len(passed), leaked))
    return sent < 100 or len(passed) != sent or leaked > 0

# --- a service manager, as far as it keeps sockets

class Manager:
    """Starts the daemon with the descriptors that it was given before, as systemd does."""

    def __init__(self, path, args):
        self.args = args
        self.kept = {}
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.heard.bind(path)
        self.heard.settimeout(tls_rig.WAIT_S)
        self.path = path
        self.pid = 0

    def take(self, text, fds):
        lines = dict(x.split("=", 1) for x in text.split("\n") if "=" in x)
        name = lines.get("FDNAME")
        if "FDSTOREREMOVE" in lines and name in self.kept:
            os.close(self.kept.pop(name))
        if "FDSTORE" in lines:
            if name in self.kept:
                os.close(self.kept[name])
            self.kept[name] = fds[0]
        return "READY" in lines

    def start(self):
        kept = list(self.kept.values())
        self.pid = os.fork()
        if self.pid == 0:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in kept]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
            os.closerange(3 + len(kept), 256)
            env = dict(os.environ, NOTIFY_SOCKET=self.path)
            if kept:
                env.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)))
            os.execve(self.args[0], self.args, env)
        while True:
            data, fds, _, _ = socket.recv_fds(self.heard, 4096, 4)
            if self.take(data.decode(), fds):
                return

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        tls_rig.check("the daemon's end", status == 0, status)


def manager(path, *args):
    m = Manager(path, list(args))
    try:
        m.start()
        print("started", flush=True)
        for line in sys.stdin:
            m.stop()
            if line.strip() == "end":
                return 0
            m.start()
            print("again %s" % " ".join(sorted(m.kept)), flush=True)
        return 1        # the test ended without a word
    finally:
        if m.pid != 0:
            os.kill(m.pid, signal.SIGKILL)
            os.waitpid(m.pid, 0)


def main(what, *args):
    # a test that is ended takes its helpers and their daemon along
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if what == "clients":
        return clients(args[0], int(args[1]), args[2], int(args[3]), int(args[4]))
    return probe(*args) if what == "probe" else manager(*args)


sys.exit(1 if main(*sys.argv[1:]) else 0)
