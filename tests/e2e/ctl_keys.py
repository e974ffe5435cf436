# SPDX-License-Identifier: Apache-2.0
"""What ctl_keys.sh does: PORT KEYS DAEMON_PID SOCKET"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from der import Issuer, constraints, der, name, parts, inside, openssl, CN
from tls_rig import Certs, Peer, check, fail, refusal, until

PORT, KEYS, DAEMON, SOCK = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
TMP = os.environ["TMPDIR"]
CA = TMP + "/good/ca.crt"
VIEWER = KEYS + "/viewer.crt", KEYS + "/viewer.key"
SOURCES = iter("127.0.%d.%d" % (16 + i // 250, i % 250 + 1) for i in range(5000))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    """As an editor would: the file that is there, cut and written."""
    with open(path, "wb") as f:
        f.write(data)


def status():
    out = subprocess.run([os.environ["RINGFENCE"], "status", "--json", "--socket", SOCK],
                         capture_output=True, check=True).stdout
    return json.loads(out)["tls"]


def served():
    """The certificate that a client is shown, who is answered then."""
    p = Peer(PORT, CA, VIEWER, source=next(SOURCES)).shake()
    der_bytes = p.sock.getpeercert(True)
    check("an answer", p.ask("/v1/status")[0] == 200)
    p.close()
    return der_bytes


def said():
    with open(TMP + "/daemon.log", encoding="utf-8") as f:
        return re.findall(r"keys-refused text=\"(.*)\" kept=(\w+)", f.read())


def hup():
    os.kill(DAEMON, signal.SIGHUP)


def crl(issuer, serials=(), last="20200101000000Z", until="20400101000000Z"):
    """A list, in PEM."""
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    tbs = der(0x30, b"\x02\x01\x01", algorithm, issuer.subject, der(0x18, last.encode()),
              der(0x18, until.encode()),
              der(0x30, *(der(0x30, der(2, s), der(0x18, last.encode())) for s in serials))
              if serials else b"")
    text = openssl("base64", text=issuer.sign(tbs))
    return b"-----BEGIN X509 CRL-----\n" + text + b"-----END X509 CRL-----\n"


def cases(good, certs):
    """File, what it becomes, what is said of it."""
    other = certs.make("other", usage="server", san="DNS:localhost,IP:127.0.0.1")
    client = certs.make("client")
    p384 = certs.make("p384", usage="server", san="DNS:localhost", curve="P-384")
    foreign = certs.self_signed("foreign", "/CN=foreign")
    key, crt, ca = good["server.key"], good["server.crt"], good["ca.crt"]
    yield "server.key", b"", "server.key"
    yield "server.key", b"garbage\n", "server.key"
    yield "server.key", os.urandom(300) + b"\0", "NUL"
    yield "server.key", key[:len(key) // 2], "server.key"
    yield "server.key", key + b"\n" * 9000, "server.key has"
    yield "server.key", read(other[1]), "server.key: it is not the key of server.crt"
    yield "server.key", read(p384[1]), "server.key: it is not an ECDSA P-256 key"
    yield "server.key", None, "server.key"
    yield "server.crt", b"", "server.crt"
    yield "server.crt", crt[:len(crt) // 2], "server.crt"
    yield "server.crt", crt + crt[:len(crt) // 2], "server.crt: a certificate in it is not whole"
    yield "server.crt", read(other[0]), "server.key: it is not the key of server.crt"
    yield "server.crt", b"A" * 70000, "65536"
    yield "server.crt", None, "server.crt"
    yield ("server.crt", read(client[0]), "not the key")
    yield "ca.crt", b"", "ca.crt"
    yield "ca.crt", ca[:len(ca) // 2], "ca.crt"
    yield "ca.crt", ca + ca[:-40], "ca.crt: a certificate in it is not whole"
    yield "ca.crt", crt, "ca.crt: a certificate in it is not that of a CA"
    yield "ca.crt", ca + crt, "ca.crt: a certificate in it is not that of a CA"
    yield "ca.crt", None, "ca.crt"
    yield "ca.crl", b"", "ca.crl"
    yield "ca.crl", b"garbage", "ca.crl"
    ours = Issuer(KEYS + "/ca.crt", KEYS + "/ca.key")
    theirs = Issuer(*foreign)
    yield "ca.crl", crl(theirs), "ca.crl: no CA of ca.crt has signed it"
    theirs.subject = ours.subject
    yield "ca.crl", crl(theirs), "ca.crl: no CA of ca.crt has signed it"
    whole = crl(ours)
    yield "ca.crl", whole[:len(whole) // 2], "ca.crl"
    yield "ca.crl", whole + whole[:-30], "ca.crl"


def refused(good, certs):
    before = served()
    for i, (file, data, why) in enumerate(cases(good, certs)):
        what = "%s, case %d" % (file, i)
        had, path = len(said()), KEYS + "/" + file
        if data is None:
            os.unlink(path)
        else:
            write(path, data)
        hup()
        until(what + " is refused", lambda h=had: len(said()) > h)
        text, kept = said()[-1]
        print("# %-11s %s" % (file, text))
        check("%s: the reason has %r" % (what, why), why in text, text)
        check(what + ": the old keys are kept", kept == "old")
        check(what + ": the alarm", text in status()["alarm"], status())
        check(what + ": the old certificate serves", served() == before)
        if file in good:
            write(path, good[file])
        elif os.path.exists(path):
            os.unlink(path)
        hup()
        until(what + ": the alarm ends", lambda: status()["alarm"] == "")
    return before


def lists(good):
    """A list that is past its next update revokes, and is an alarm; so is none that is good."""
    ours = Issuer(KEYS + "/ca.crt", KEYS + "/ca.key")
    gone = parts(inside(parts(inside(__import__("ssl").PEM_cert_to_DER_cert(
        good["gone.crt"].decode())))[0]))[1][2:]
    gone_key = KEYS + "/gone.crt", KEYS + "/gone.key"
    for last, end, alarm in (("20200101000000Z", "20210101000000Z", "past its next update"),
                             ("20390101000000Z", "20400101000000Z", ""),
                             ("20200101000000Z", "20400101000000Z", "")):
        write(KEYS + "/ca.crl", crl(ours, [gone], last, end))
        hup()
        until("the list until " + end, lambda: status().get("crl_until", "").startswith(end[:4]))
        check("its alarm", alarm in status()["alarm"] and bool(alarm) == bool(
            status()["alarm"]), status())
        check("others are served", served() is not None)
        until("the revoked one is refused", lambda: refusal(
            PORT, CA, gone_key, source=next(SOURCES)) is not None)
        os.unlink(KEYS + "/ca.crl")
        hup()
        until("no list", lambda: "crl_until" not in status())
        until("he is served again", lambda: refusal(
            PORT, CA, gone_key, source=next(SOURCES)) is None)


def rotated(certs):
    """Keys change ten times while others connect without a pause: no connection fails."""
    stop, wrong, count = threading.Event(), [], [0]

    def connect():
        while not stop.is_set():
            try:
                served()
                count[0] += 1
            except (OSError, SystemExit) as e:
                wrong.append(str(e))

    threads = [threading.Thread(target=connect, daemon=True) for _ in range(2)]
    for t in threads:
        t.start()
    sets = [certs.make("turn%d" % i, usage="server", san="DNS:localhost,IP:127.0.0.1")
            for i in range(2)]
    for i in range(10):
        crt, key = (read(f) for f in sets[i % 2])
        # between the two files they do not fit each other: refused, and tried again
        for file, data in (("server.key", key), ("server.crt", crt)):
            write(KEYS + "/.new", data)
            os.rename(KEYS + "/.new", KEYS + "/" + file)
            hup()
            time.sleep(0.02)
        want = __import__("ssl").PEM_cert_to_DER_cert(crt.decode())
        until("turn %d" % i, lambda w=want: served() == w)
    stop.set()
    for t in threads:
        t.join(10)
    print("# %d connections while the keys changed ten times" % count[0])
    check("connections fail while keys change", not wrong, wrong[:3])
    check("there were connections", count[0] > 20, count)
    check("no alarm is left", status()["alarm"] == "", status())


def soon(good):
    """Little time left is an alarm."""
    ours = Issuer(KEYS + "/ca.crt", KEYS + "/ca.key")
    old = inside(parts(inside(__import__("ssl").PEM_cert_to_DER_cert(
        good["server.crt"].decode())))[0])
    spki = parts(old)[6]
    write(KEYS + "/server.key", good["server.key"])
    for days, alarm in ((-1, "is over"), (10, "ends within 30 days"), (90, "")):
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
        crt = ours.make(spki, subject=name((CN, "soon")), end=end, ext=[constraints()])
        write(KEYS + "/server.crt", b"-----BEGIN CERTIFICATE-----\n" + openssl(
            "base64", text=crt) + b"-----END CERTIFICATE-----\n")
        hup()
        until("its end", lambda e=end: status()["until"].startswith(
            "%s-%s-%s" % (e[:4], e[4:6], e[6:8])))
        check("the alarm of %d days" % days, alarm in status()["alarm"] and
              bool(alarm) == bool(status()["alarm"]), status())


def main():
    good = {f: read(KEYS + "/" + f) for f in os.listdir(KEYS)}
    until("the good keys", lambda: status()["serving"])
    check("no alarm", status()["alarm"] == "", status())
    certs = Certs(TMP + "/certs", KEYS)
    before = refused(good, certs)
    lists(good)
    check("still the same certificate", served() == before)
    rotated(certs)
    soon(good)
    if not said():
        fail("nothing was refused")


main()
