#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What strangers do to the local socket: half heads, NUL, garbage, heads too long, many clients,
# another user.
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
CLIENTS = 1024


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


HOST = b" HTTP/1.1\r\nHost: x\r\n"
status = b"GET /v1/status" + HOST + b"\r\n"
two = b"GET /v1/status" + HOST + b"\r\nGET /v1/status" + HOST + b"Connection: close\r\n\r\n"
check("two requests in one go", answer(two, shut=False).count(b'"generation":1') == 2)
check("half a head", answer(status[:-2]) == b"")
check("nothing", answer(b"") == b"")
for bad, why in ((b"GET /v1/status\0" + HOST + b"\r\n", b"400"),
                 (b'{"verb":"status"}\n', b"400"),
                 (b"GET /v1/stauts" + HOST + b"\r\n", b"404"),
                 (b"PUT /v1/status" + HOST + b"\r\n", b"405"),
                 (b"GET /v1/status?x=1" + HOST + b"\r\n", b"400"),
                 (b"POST /v1/policy/reload" + HOST + b"\r\n", b"428"),
                 (b"POST /v1/policy/reload" + HOST + b'If-Match: "9-0"\r\n\r\n', b"412"),
                 (b"POST /v1/policy/check" + HOST + b"Content-Length: 9999999\r\n\r\n", b"413")):
    got = answer(bad, shut=False) if why == b"400" and b"?" not in bad else answer(bad)
    check("garbage: %r" % bad[:40], got.startswith(b"HTTP/1.1 " + why))
    check("a problem: %r" % bad[:40], b"application/problem+json" in got)
check("a head of 16 KiB and more",
      answer(b"GET /v1/status" + HOST + b"X: " + b"a" * 17000,
             shut=False).startswith(b"HTTP/1.1 431"))

held = []
refused = 0
for i in range(CLIENTS + 20):
    s = connect()
    held.append(s)
for s in held[CLIENTS:]:
    if b"too many clients" in s.recv(4096):
        refused += 1
check("clients beyond the limit are told: %d" % refused, refused == 20)
held[0].sendall(status)
check("those within it are served", b'"generation":1' in held[0].recv(65536))
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
            got = b"HTTP/1.1 403"
        os._exit(0 if b"HTTP/1.1 403" in got and b"generation" not in got else 1)
    check("another user is refused", os.waitpid(pid, 0)[1] == 0)
END
is "the generation" "$(status generation)" 1
# the rights of the socket itself
exits 0 rf status
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$TMPDIR"
	chmod 600 "$SOCK"
	cp "$RINGFENCE" "$TMPDIR/rf"
	exits 4 setpriv --reuid=65534 --clear-groups "$TMPDIR/rf" status --socket "$SOCK"
	says 'error denied: no right to speak to'
fi
