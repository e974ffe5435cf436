#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What strangers do to the local socket: half lines, NUL, garbage, lines too long, many clients, a
# watcher that reads nothing, another user.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v python3 >/dev/null || { echo "python3 is not installed"; exit 77; }
policy_begin
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation
python3 - "$SOCK" <<'END'
import os
import socket
import sys

PATH = sys.argv[1]
CLIENTS = 1000


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(PATH)
    s.settimeout(10)
    return s


def answer(data, shut=True):
    s = connect()
    try:
        s.sendall(data)
        if shut:
            s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    got = b""
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except ConnectionResetError:
        pass
    s.close()
    return got


def check(what, good):
    if not good:
        sys.exit("FAILED: " + what)


status = b'{"verb":"status"}\n'
check("two requests in one go", answer(status + status).count(b'"generation":1') == 2)
check("half a line", answer(b'{"verb":"sta') == b"")
check("a line without its end", answer(status[:-1]) == b"")
check("nothing", answer(b"") == b"")
for bad, why in ((b"\0\n", b"NUL"), (b"GET / HTTP/1.1\r\n\r\n", b"one JSON object"),
                 (b'{"verb":"stauts"}\n', b"did you mean status"), (b"\n", b"one JSON object"),
                 (b"[" * 60000 + b"\n", b"one JSON object"),
                 (b'{"verb":"status","x":1}\n', b"nothing else")):
    got = answer(bad + status)
    check("garbage: %r" % bad[:40], why in got and got.count(b"\n") == 1)
check("a line of 64 KiB and more", b"more than 65536" in answer(b"a" * 65537, shut=False))
check("reload and no more to say", b'"ok":true' in answer(b'{"verb":"reload"}\n'))

held = []
refused = 0
for i in range(CLIENTS + 20):
    s = connect()
    held.append(s)
extra = [s for s in held[CLIENTS:]]
for s in extra:
    if b"too many clients" in s.recv(4096):
        refused += 1
check("clients beyond the limit are told: %d" % refused, refused == 20)
held[0].sendall(status)
check("those within it are served", b'"clients_refused":20' in held[0].recv(65536))
for s in held:
    s.close()
check("and room is made again", b'"generation":1' in answer(status))

if os.getuid() == 0:
    os.chmod(PATH, 0o777)
    pid = os.fork()
    if pid == 0:
        os.chmod(os.path.dirname(PATH), 0o755)
        os.setgid(65534)
        os.setuid(65534)
        try:
            got = answer(status)
        except PermissionError:
            got = b"denied"
        os._exit(0 if b"denied" in got and b"generation" not in got else 1)
    check("another user is refused", os.waitpid(pid, 0)[1] == 0)
END
is "the generation" "$(status generation)" 1
# the rights of the socket itself
exits 0 rf status
