# SPDX-License-Identifier: Apache-2.0
"""What ctl_tls.sh does with connections of its own: PORT KEYS DAEMON_PID SOCKET"""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from tls_rig import Certs, Peer, check, child_of, context, refusal, until

PORT, KEYS, DAEMON, SOCK = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
TMP = os.environ["TMPDIR"]
CA = KEYS + "/ca.crt"
HANDSHAKE_S = 5.0
REQUEST_S = 10.0
SLACK_S = 2.5
JOBS = []
LIVE = 40


def key(name):
    return KEYS + "/" + name + ".crt", KEYS + "/" + name + ".key"


def log():
    with open(TMP + "/daemon.log", encoding="utf-8") as f:
        return f.read()


def started(f, *args):
    """f in a thread; what it finds wrong is told at the end."""
    wrong = []

    def run():
        try:
            f(*args)
        except SystemExit as e:
            wrong.append(str(e))
        except OSError as e:
            wrong.append("FAILED: %s: %s" % (f.__name__, e))

    t = threading.Thread(target=run, daemon=True)
    t.start()
    JOBS.append((t, wrong))


# --- slow peers, all at once, while the rest goes on ---

def cut_after(what, sock, start, limit):
    """The server ends the connection about limit seconds after start."""
    sock.settimeout(limit + SLACK_S)
    try:
        while sock.recv(4096):
            pass
    except socket.timeout:
        check("%s is never cut" % what, False)
    except OSError:
        pass
    took = time.monotonic() - start
    check("%s is cut after %.1f s, not %.0f" % (what, took, limit),
          limit - 0.5 <= took <= limit + SLACK_S)


def drip(what, sock, data, limit):
    """A byte each 0.4 s: the deadline is of the whole, not of the byte."""
    start = time.monotonic()
    sock.settimeout(0.4)
    for i in range(len(data)):
        if time.monotonic() - start > limit + SLACK_S:
            break
        try:
            sock.sendall(data[i:i + 1])
            if sock.recv(1) == b"":
                break
        except (socket.timeout, ssl.SSLWantReadError):
            continue
        except OSError:
            break
    took = time.monotonic() - start
    check("%s is cut after %.1f s, not %.0f" % (what, took, limit),
          limit - 0.5 <= took <= limit + SLACK_S)


def hello_bytes():
    """A ClientHello as OpenSSL makes it."""
    bio_in, bio_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    s = context(CA).wrap_bio(bio_in, bio_out, server_hostname="localhost")
    try:
        s.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return bio_out.read()


def plain(source):
    s = socket.socket()
    s.settimeout(WAIT)
    s.bind((source, 0))
    s.connect(("127.0.0.1", PORT))
    return s


WAIT = 15


def slow_hello():
    drip("a ClientHello in drips", plain("127.0.1.1"), hello_bytes(), HANDSHAKE_S)


def slow_finish():
    s = plain("127.0.1.2")
    start = time.monotonic()
    s.sendall(hello_bytes())
    cut_after("half a handshake", s, start, HANDSHAKE_S)


def silent():
    cut_after("a silent peer", plain("127.0.1.3"), time.monotonic(), HANDSHAKE_S)


def slow_head():
    p = Peer(PORT, CA, key("viewer"), source="127.0.1.4").shake()
    drip("a head in drips", p.sock, b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n", REQUEST_S)


def slow_body():
    p = Peer(PORT, CA, key("viewer"), source="127.0.1.5").shake()
    p.sock.sendall(b"POST /v1/policy/check HTTP/1.1\r\nHost: localhost\r\n"
                   b"Content-Type: application/json\r\nContent-Length: 200\r\n\r\n")
    drip("a body in drips", p.sock, b" " * 200, REQUEST_S)


# --- certificates ---

def refusals():
    c = Certs(TMP + "/certs", KEYS)
    ca = c.run("x509", "-in", CA, "-noout", "-subject", "-nameopt", "compat").strip()
    ca_name = "/" + ca.split("subject=")[1].strip().lstrip("/").replace(", ", "/")
    other = c.self_signed("other", ca_name)
    big = c.make("big")
    with open(big[0], "a", encoding="ascii") as f:
        f.write(c.read(CA) * (64 * 1024 // 400))
    check("the big chain is one", len(ssl.PEM_cert_to_DER_cert(c.read(CA))) *
          (64 * 1024 // 400) > 60 * 1024)
    good = c.make("good")
    check("a client that openssl made", refusal(PORT, CA, good, source="127.0.2.1") is None)
    # none: the library sends no_certificate, where RFC 8446 has certificate_required
    cases = (
        ("none", None, "NO_CERTIFICATE"),
        ("expired", c.make("expired", end="20210101000000Z"), "CERTIFICATE_EXPIRED"),
        ("not yet valid", c.make("young", start="20390101000000Z"), "CERTIFICATE_UNKNOWN"),
        ("of another CA with our CA's name", c.make("wrong", ca=other), "UNKNOWN_CA"),
        ("self-signed with our CA's name", other, ""),
        ("of a server", key("server"), "UNSUPPORTED_CERTIFICATE"),
        ("of a server, by openssl", c.make("srv", usage="server"), "UNSUPPORTED_CERTIFICATE"),
        ("of a leaf that is a CA", c.make("leafca", usage="leafca"), ""),
        ("below a CA of its own", c.chain("below", 1), ""),
        ("of a chain of ten", c.chain("ten", 10), ""),
        ("of a chain of 64 KiB", big, ""),
    )
    for i, (what, cert, want) in enumerate(cases):
        source = "127.0.3.%d" % (i + 1)
        for _ in range(2):
            start = time.monotonic()
            why = refusal(PORT, CA, cert, source=source)
            print("# certificate %s: %s, %.3f s" % (what, why, time.monotonic() - start))
            check("a certificate %s is taken" % what, why is not None)
            check("a certificate %s is refused by a TLS alert" % what, "ALERT" in why, why)
            check("a certificate %s: the alert" % what, want in why, why)
        said = re.findall(r"peer-refused .*source=%s .*" % re.escape(source), log())
        check("a certificate %s is logged once: %r" % (what, said), len(said) == 1)
    return c


# --- the protocol ---

def versions():
    why = refusal(PORT, CA, key("viewer"), source="127.0.4.1", version=ssl.TLSVersion.TLSv1_2)
    check("TLS 1.2 is taken", why is not None)
    print("# TLS 1.2:", why)
    s = plain("127.0.4.2")
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    check("HTTP without TLS", s.recv(100) == b"")


def records():
    """Records without end, empty, too long, of a wrong type: the end within the handshake's time,
    and nothing of it is felt by others. A close without a word harms nobody either."""
    floods = {"empty records": b"\x16\x03\x01\x00\x00" * 4000,
              "a record that is too long": b"\x16\x03\x01\x41\x01" + bytes(0x4101),
              "changes of cipher": b"\x14\x03\x03\x00\x01\x01" * 4000,
              "alerts": b"\x15\x03\x03\x00\x02\x01\x00" * 4000,
              "a hello and empty data": hello_bytes() + b"\x17\x03\x03\x00\x00" * 4000,
              "a hello and changes of cipher": hello_bytes() + b"\x14\x03\x03\x00\x01\x01" * 4000,
              "a hello of 16 MiB": b"\x16\x03\x01\x40\x00\x01\xff\xff\xfc" + bytes(0x3ffc)}
    for n, (what, data) in enumerate(floods.items()):
        start = time.monotonic()
        s = plain("127.0.6.%d" % (n + 1))
        try:
            s.sendall(data)
            s.settimeout(HANDSHAKE_S + SLACK_S)
            while s.recv(4096):
                pass
        except socket.timeout:
            check(what + ": never cut", False)
        except OSError:
            pass
        s.close()
        check(what + ": cut late", time.monotonic() - start < HANDSHAKE_S + SLACK_S)
    for n in range(20):
        p = Peer(PORT, CA, key("viewer"), source="127.0.6.%d" % (20 + n)).shake()
        os.close(p.sock.detach())
    p = Peer(PORT, CA, key("viewer"), source="127.0.6.41").shake()
    check("no answer after the floods", p.ask("/v1/status")[0] == 200)


def resumption():
    ctx = context(CA, key("viewer"))
    p = Peer(PORT, CA, ctx=ctx, source="127.0.4.3").shake()
    check("the first", p.ask("/v1/status")[0] == 200)
    session = p.sock.session
    p.close()
    check("a ticket is given", session is not None and session.has_ticket)
    p = Peer(PORT, CA, ctx=ctx, source="127.0.4.3", session=session).shake()
    check("the second is resumed", p.sock.session_reused)
    check("and is served", p.ask("/v1/status")[0] == 200)
    status, _, body = p.ask("/v1/policy/reload", "POST", "If-Match: *\r\n")
    check("its role is still view", status == 403, body)
    p.close()


def many():
    """More at once than the key store of the library has places without growing."""
    peers = [Peer(PORT, CA, key("viewer"), source="127.0.9.%d" % (i + 1)).shake()
             for i in range(LIVE)]
    for p in peers:
        check("one of %d is served" % LIVE, p.ask("/v1/status")[0] == 200)
    for p in peers:
        p.close()


# --- files replaced ---

def serial_seen(source):
    p = Peer(PORT, CA, key("viewer"), source=source).shake()
    got = ssl.DER_cert_to_PEM_cert(p.sock.getpeercert(True))
    p.close()
    return got


def replace(src, name):
    shutil.copy(src, KEYS + "/" + name + ".new")
    os.rename(KEYS + "/" + name + ".new", KEYS + "/" + name)


def reload(what, pattern):
    """SIGHUP, until the log says pattern once more."""
    had = len(re.findall(pattern, log()))
    os.kill(DAEMON, signal.SIGHUP)
    until(what, lambda: len(re.findall(pattern, log())) > had)


def keys_replaced(certs):
    live = Peer(PORT, CA, key("viewer"), source="127.0.5.1").shake()
    check("live", live.ask("/v1/status")[0] == 200)
    old = serial_seen("127.0.5.2")
    fresh = certs.make("fresh", usage="server", san="DNS:localhost,IP:127.0.0.1")
    replace(fresh[1], "server.key")
    replace(fresh[0], "server.crt")
    reload("the new keys", "keys-loaded")
    until("the new certificate", lambda: serial_seen("127.0.5.3") != old)
    check("the old session goes on", live.ask("/v1/status")[0] == 200)
    live.close()


def crl():
    ctx = context(CA, key("gone"))
    live = Peer(PORT, CA, ctx=ctx, source="127.0.5.4").shake()
    check("live", live.ask("/v1/status")[0] == 200)
    session = live.sock.session
    other = Peer(PORT, CA, key("viewer"), source="127.0.5.5").shake()
    check("another", other.ask("/v1/status")[0] == 200)
    subprocess.run([os.environ["RINGFENCE"], "keys", "revoke", KEYS, KEYS + "/gone.crt"],
                   check=True, capture_output=True)
    start = time.monotonic()
    os.kill(DAEMON, signal.SIGHUP)
    live.sock.settimeout(5)
    try:
        got = live.sock.recv(100)
    except socket.timeout:
        got = b"open"
    except OSError:
        got = b""
    took = time.monotonic() - start
    check("the revoked session is closed within 5 s", got == b"" and took < 5, got)
    print("# revoked session closed after %.3f s" % took)
    check("the other stays", other.ask("/v1/status")[0] == 200)
    why = refusal(PORT, CA, key("gone"), source="127.0.5.6")
    check("the revoked certificate is refused by an alert: %s" % why, why and "ALERT" in why)
    why = refusal(PORT, CA, ctx=ctx, session=session, source="127.0.5.7")
    check("nor does its ticket resume: %s" % why, why is not None)


# --- processes killed ---

def kill_one(word, block):
    """No connect is refused, and a request is answered within a second."""
    pid = child_of(DAEMON, word)
    check("there is a " + word, pid > 0)
    os.kill(pid, signal.SIGKILL)
    start = time.monotonic()
    tries = 0
    while True:
        tries += 1
        p = None
        try:
            p = Peer(PORT, CA, key("viewer"), source="127.0.%d.%d" % (block, tries))
            p.shake()
            if p.ask("/v1/status")[0] == 200:
                break
        except ConnectionRefusedError:
            check("a connect is refused after %s was killed" % word, False)
        except OSError:
            pass
        finally:
            if p is not None:
                p.close()
        check("no answer within 2 s of %s's death" % word, time.monotonic() - start < 2)
        time.sleep(0.005)
    took = time.monotonic() - start
    print("# answered %.3f s after kill -9 of %s, try %d" % (took, word, tries))
    check("an answer within 1 s of %s's death" % word, took < 1)
    until("a new " + word, lambda: child_of(DAEMON, word) not in (0, pid))


def main():
    for f in (slow_hello, slow_finish, silent, slow_head, slow_body):
        started(f)
    certs = refusals()
    versions()
    records()
    resumption()
    many()
    keys_replaced(certs)
    crl()
    for t, wrong in JOBS:
        t.join(REQUEST_S + SLACK_S)
        check("a slow peer is still there", not t.is_alive())
        if wrong:
            sys.exit(wrong[0])
    kill_one("@ctl", 6)
    kill_one("@signer", 7)
    kill_one("@ctl", 8)


main()
