# SPDX-License-Identifier: Apache-2.0
"""What ctl_wire.sh does: PORT KEYS DAEMON_PID. Records and hellos that are wrong in one thing each:
the answer is the alert that the table names, or the end; the server lives, and holds no more."""
import os
import struct
import sys
import time

from der import from_pem
from tls13 import (ALERT, CCS, DATA, HANDSHAKE, Raw, extension, message, record, vec, x25519)
from tls_rig import check, child_of, until

PORT, KEYS, DAEMON = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
VIEWER = [from_pem(KEYS + "/viewer.crt")], KEYS + "/viewer.key"
END = (None,)			# the end without a word
SOURCES = ("127.0.%d.%d" % (40 + i // 250, i % 250 + 1) for i in range(10000))
WAIT_S = 7			# more than a handshake may take


def raw():
    return Raw(PORT, source=next(SOURCES), wait_s=WAIT_S)


def ctl():
    return child_of(DAEMON, "@ctl")


def rss_kib():
    with open("/proc/%d/status" % ctl(), encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmRSS:"))


def serves():
    r = raw().shake(*VIEWER)
    first = r.ask()
    r.close()
    return first == "HTTP/1.1 200 OK"


def ends(what, r, alerts, slow=False):
    """The connection ends by one of the alerts; soon, unless the server has to wait for more."""
    start = time.monotonic()
    alert, how = r.end()
    took = time.monotonic() - start
    r.close()
    check("%s: is not ended" % what, how != "silent")
    check("%s: alert %s, not of %s" % (what, alert, alerts), alert in alerts)
    check("%s: it took %.1f s" % (what, took), slow or took < 2)
    return alert


def hellos():
    """What, the hello, its alerts."""
    r = raw()
    r.close()
    good = r.extensions()

    def without(*kinds):
        return r.hello([e for e in good if e[0] not in kinds])

    def instead(kind, body):
        return r.hello([e if e[0] != kind else (kind, body) for e in good])

    def more(*pairs):
        return r.hello(good + list(pairs))

    low = vec(2, b"\x00\x1d" + vec(2, bytes(32)))
    short = vec(2, b"\x00\x1d" + vec(2, bytes(31)))
    off_curve = vec(2, b"\x00\x17" + vec(2, b"\x04" + b"\x01" * 64))
    bad, dec, ill = "handshake_failure", "decode_error", "illegal_parameter"
    psk = (41, vec(2, vec(2, b"x" * 32) + bytes(4)) + vec(2, vec(1, bytes(32))))
    modes = (45, vec(1, b"\x01"))
    return (
        ("no versions", without(43), ("protocol_version",)),
        ("versions of nothing", instead(43, b"\0"), (dec, "protocol_version")),
        ("only 1.2", instead(43, vec(1, b"\x03\x03")), ("protocol_version",)),
        ("only unknown versions", instead(43, vec(1, b"\x7f\x1c\x0a\x0a")),
         ("protocol_version",)),
        ("half a version", instead(43, vec(1, b"\x03")), (dec, "protocol_version")),
        ("no groups", without(10), ("missing_extension", bad)),
        ("no shares", without(51), ("missing_extension", bad)),
        ("no signatures", without(13), ("missing_extension", bad)),
        ("no groups, no shares", without(10, 51), ("missing_extension", bad)),
        ("no extension", r.hello([]), ("protocol_version", dec, "missing_extension")),
        ("only unknown groups", r.hello([(k, b if k != 10 else vec(2, b"\x6a\x6a"))
                                         for k, b in good if k != 51] +
                                        [(51, vec(2, b"\x6a\x6a" + vec(2, b"x")))]), (bad,)),
        ("half a group", instead(10, vec(2, b"\x00")), (dec, bad)),
        ("only unknown signatures", instead(13, vec(2, b"\x08\x04")), (bad,)),
        ("half a signature", instead(13, vec(2, b"\x04")), (dec, bad)),
        ("a share of zeros", instead(51, low), (ill, bad, "internal_error")),
        ("a short share", instead(51, short), (ill, dec, bad)),
        ("a share off the curve", r.hello([(k, {10: vec(2, b"\x00\x17"), 51: off_curve}.get(k, b))
                                           for k, b in good]), (ill, dec, bad,
                                                                "internal_error")),
        ("a share that lies", instead(51, vec(2, b"\x00\x1d\x00\xff" + bytes(32))), (dec,)),
        ("no suite", r.hello(suites=b""), (dec, bad)),
        ("half a suite", r.hello(suites=b"\x13"), (dec, bad)),
        ("only unknown suites", r.hello(suites=b"\x0a\x0a\xc0\x2b"), (bad,)),
        ("compression", r.hello(compression=b"\1\0"), (ill, dec)),
        ("no compression method", r.hello(compression=b""), (ill, dec)),
        ("a session of 33 bytes", r.hello(session=bytes(33)), (dec, ill)),
        ("groups twice", more((10, vec(2, b"\x00\x1d"))), (ill, dec)),
        ("versions twice", more((43, vec(1, b"\x03\x04"))), (ill, dec)),
        ("a share twice", more(good[3]), (ill, dec)),
        ("a PSK without modes", more(psk), ("missing_extension", ill, bad)),
        ("a PSK that is not last", r.hello([psk, modes] + good), (ill,)),
        ("a PSK of nothing", more(modes, (41, b"")), (dec,)),
        ("a PSK without binders", more(modes, (41, vec(2, vec(2, b"x" * 32) + bytes(4)) +
                                               vec(2, b""))), (dec, ill)),
        ("a name that lies", instead(0, vec(2, b"\0" + b"\xff\xff" + b"a")), (dec,)),
        ("bytes behind the extensions", message(1, r.hello()[4:] + b"\0"), (dec,)),
        ("extensions that lie", message(1, r.hello()[4:-1]), (dec,)),
        ("another message", message(2, r.hello()[4:]), (dec, "unexpected_message")),
        ("a Finished", message(20, bytes(32)), (dec, "unexpected_message")),
    )


def taken():
    """Oddities that RFC 8446 wants passed over: the server goes on."""
    r = raw()
    good = r.extensions()
    for what, hello in (
            ("GREASE", r.hello(good + [(0x0a0a, b""), (0x1a1a, b"\0")],
                               suites=b"\x2a\x2a\x13\x03")),
            ("no session", r.hello(session=b"")),
            ("an unknown name", r.hello([e if e[0] else (0, vec(2, b"\0" + vec(2, b"nowhere")))
                                         for e in good])),
            ("a PSK that nobody gave", r.hello(good + [
                (45, vec(1, b"\x01")), (41, vec(2, vec(2, b"x" * 64) + bytes(4)) +
                                        vec(2, vec(1, bytes(32))))]))):
        p = raw()
        p.private = r.private
        p.tell(p.certificate(VIEWER[0], p.flight(hello)))
        p.tell(p.verify(VIEWER[1]))
        p.finish()
        check(what + " is passed over", p.ask() == "HTTP/1.1 200 OK")
        p.close()
    r.close()


def tables():
    for what, hello, alerts in hellos():
        r = raw()
        r.send(record(HANDSHAKE, hello))
        print("# %-30s %s" % (what, ends(what, r, alerts + END)))


def lengths():
    """Every truncation of a hello, and each of its length fields wrong."""
    r = raw()
    hello = r.hello()
    r.close()
    for n in range(len(hello)):		# the record's length is right, the message's is not
        r = raw()
        r.send(record(HANDSHAKE, hello[:n]))
        ends("a hello of %d bytes" % n, r, ("decode_error", "unexpected_message") + END, n < 4)
        if n < 4:			# one is enough: it waits for the rest
            break
    for n in range(4, len(hello)):	# both are short
        r = raw()
        r.send(record(HANDSHAKE, message(1, hello[4:n])))
        ends("a hello cut at %d" % n, r, ("decode_error", "illegal_parameter",
                                           "protocol_version", "missing_extension",
                                           "handshake_failure") + END)
    for at in range(len(hello)):
        r = raw()
        bad = hello[:at] + bytes([hello[at] ^ 0xff]) + hello[at + 1:]
        r.send(record(HANDSHAKE, bad))
        r.sock.settimeout(0.02)		# random bytes and names may be any
        try:
            r.sock.recv(4096)
        except OSError:
            pass
        r.close()


def records():
    hello = Raw.hello
    end = ("decode_error", "unexpected_message", "record_overflow", "illegal_parameter",
           "bad_record_mac", "protocol_version") + END
    for what, data in (
            ("an empty record", record(HANDSHAKE, b"")),
            ("2^14 + 1", struct.pack(">BHH", HANDSHAKE, 0x0301, 16385) + bytes(16385)),
            ("65535", struct.pack(">BHH", HANDSHAKE, 0x0301, 65535) + bytes(4096)),
            ("a fatal alert", record(ALERT, b"\2\x28")),
            ("a warning", record(ALERT, b"\1\0")),
            ("half an alert", record(ALERT, b"\2")),
            ("CCS first", record(CCS, b"\1")),
            ("data first", record(DATA, b"x" * 40)),
            ("heartbeat", record(24, b"\1\x40\0")),
            ("an unknown type", record(99, b"x")),
            ("SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40)),
            ("version 2", struct.pack(">BHH", HANDSHAKE, 0x0200, 60) + bytes(60)),
            ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("zeros", bytes(100)), ("ones", b"\xff" * 5000)):
        r = raw()
        r.send(data)
        ends(what, r, end)
    for what, after, alerts in (		# behind a hello that is right
            ("CCS, a thousand", record(CCS, b"\1") * 1000, end),
            ("CCS of two bytes", record(CCS, b"\1\1"), end),
            ("CCS of another byte", record(CCS, b"\2"), end),
            ("a plain handshake record", record(HANDSHAKE, message(11, bytes(4))), end),
            ("a plain empty record", record(DATA, b""), end),
            ("junk under no key", record(DATA, b"j" * 64), end),
            ("a second hello", None, end),
            ("a fatal alert", record(ALERT, b"\2\x28"), end + ("handshake_failure",))):
        r = raw()
        r.flight()
        r.send(record(HANDSHAKE, hello(r)) if after is None else after)
        ends("after the hello: " + what, r, alerts, slow=what.startswith("CCS, a"))
    r = raw()				# without a close notify, at each point
    r.send(record(HANDSHAKE, hello(r))[:100])
    r.close()
    r = raw()
    r.flight()
    r.close()
    r = raw().shake(*VIEWER)
    r.close()


def floods():
    """After the handshake: what may come once in a while must not come for ever."""
    key_update = message(24, b"\0")
    for what, kind, data, count, pad in (
            ("key updates", HANDSHAKE, message(24, b"\1"), 500, 0),
            ("empty records", DATA, b"", 500, 0), ("padding alone", DATA, b"", 20, 2000),
            ("a hello after it", HANDSHAKE, None, 1, 0),
            ("a certificate request", HANDSHAKE, message(13, b"\0\0\0"), 1, 0),
            ("an alert of nothing", ALERT, b"", 1, 0), ("inner type 0", 0, b"", 1, 0),
            ("inner CCS", CCS, b"\1", 1, 0), ("17 KiB", DATA, b"x" * 17000, 1, 0)):
        r = raw().shake(*VIEWER)
        data = r.hello() if data is None else data
        start = time.monotonic()
        for _ in range(count):
            r.send(r.out.seal(kind, data, pad))
            if kind == HANDSHAKE and data[:1] == key_update[:1]:
                r.out = r.out.next()
        r.say(DATA, b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        r.sock.settimeout(3)
        try:
            got = r.answer()
        except Exception as e:		# how it ended
            got = str(e)
        print("# %-24s %-40s %.2f s" % (what, got, time.monotonic() - start))
        check("%s: no end and no answer" % what, "silent" not in got, got)
        # the library passes over a protected CCS, where RFC 8446 5 would have an alert
        check("%s is served" % what, what == "inner CCS" or "200" not in got, got)
        r.close()


def tickets():
    """Two shares of different hellos: P-256 after a hello retry is openssl's to try."""
    r = raw()
    bad = [(k, b if k != 51 else vec(2, b"\x00\x17" + vec(2, b"\x04" + bytes(64))))
           for k, b in r.extensions()]
    r.send(record(HANDSHAKE, r.hello(bad)))
    ends("a share of a group that is not named", r, ("illegal_parameter", "decode_error",
                                                     "handshake_failure") + END, slow=True)
    check("x25519", x25519(bytes([9]) + bytes(31), bytes([9]) + bytes(31)) != bytes(32))
    check("an extension", extension(1, b"")[:2] == b"\0\1")


def main():
    until("TLS", serves)
    pid, before = ctl(), rss_kib()
    parts = (tables, taken, records, floods, tickets, lengths)
    for part in parts:
        start = time.monotonic()
        part()
        check("after %s the server serves" % part.__name__, serves())
        check("after %s it is the same" % part.__name__, ctl() == pid)
        print("# %s: %.1f s, %d KiB more" % (part.__name__, time.monotonic() - start,
                                            rss_kib() - before))
    settled = rss_kib()
    lengths()
    grown = rss_kib() - settled
    print("# the same once more: %d KiB more" % grown)
    check("memory grows with what is refused", grown < 512, grown)


main()
