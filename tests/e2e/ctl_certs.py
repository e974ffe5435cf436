# SPDX-License-Identifier: Apache-2.0
"""What ctl_certs.sh does: PORT KEYS. A table of certificates, each shown twice from a source of
its own: refused by the alert that it says, logged once."""
import os
import re
import sys

from der import (ANY, CLIENT, CN, ECDSA_SHA1, OU, SERVER, Issuer, constraints, der, extension,
                 from_pem, inside, key_make, key_usage, name, parts, usage)
from tls13 import Raw
from tls_rig import check, until

PORT, KEYS = int(sys.argv[1]), sys.argv[2]
TMP = os.environ["TMPDIR"]
EC = ("-algorithm", "EC", "-pkeyopt")
UNKNOWN = "060a2b060104018f57010101"	# an extension that nobody knows


def key(n):
    return TMP + "/" + n + ".pem"


def signed_again(crt, ca, change):
    """crt with the parts of its inside as change leaves them."""
    tbs = parts(inside(parts(inside(crt))[0]))
    change(tbs)
    return ca.sign(der(0x30, *tbs))


def table():
    ca = Issuer(KEYS + "/ca.crt", KEYS + "/ca.key")
    spki = key_make(key("own"), *EC, "ec_paramgen_curve:P-256")
    other_spki = key_make(key("other"), *EC, "ec_paramgen_curve:P-256")
    good = ca.make(spki)
    other = Issuer(KEYS + "/ca.crt", key("other"))	# our CA's name, not its key
    self_signed = other.make(other_spki, subject=ca.subject,
                             ext=[constraints(True), key_usage(0x06)])
    base = [constraints(), key_usage(), usage(CLIENT)]
    deep = [good]
    up = [constraints(True), key_usage(0x06)]
    under, at = [], ca
    for i in range(10):
        k = key("deep%d" % i)
        under.append(at.make(key_make(k, *EC, "ec_paramgen_curve:P-256"),
                             subject=name((CN, "deep %d" % i)), ext=up))
        with open(k + ".crt", "w", encoding="ascii") as f:
            import ssl
            f.write(ssl.DER_cert_to_PEM_cert(under[-1]))
        at = Issuer(k + ".crt", k)
    deep = [at.make(spki)] + under[::-1]
    below = Issuer(key("deep0") + ".crt", key("deep0"))

    def weak(n, *args):
        return [ca.make(key_make(key(n), *args))]

    def subject(*pairs):
        return [ca.make(spki, subject=name(*pairs))]

    def ext(*more):
        return [ca.make(spki, ext=list(more))]

    # what, certificates, the alert, what the log says of it
    return good, (
        ("none", [], "41", "missing"),
        ("expired", [ca.make(spki, end="20210101000000Z")], "certificate_expired", "expired"),
        ("not yet valid", [ca.make(spki, start="20390101000000Z")], "certificate_unknown",
         "future"),
        ("another CA of that name", [other.make(spki)], "unknown_ca", "not correctly signed"),
        ("another CA of that name, sent along", [other.make(spki), self_signed], "unknown_ca",
         "not correctly signed"),
        ("another CA", [other.make(spki, issuer=name((CN, "another")))], "unknown_ca",
         "not correctly signed"),
        ("self-signed with our CA's name", [self_signed], "access_denied", "sign certificates"),
        ("our CA's own", [ca.crt], "access_denied", "sign certificates"),
        ("revoked", [from_pem(KEYS + "/gone.crt")], "certificate_revoked", "revoked"),
        ("of a server", [from_pem(KEYS + "/server.crt")], "unsupported_certificate", "sage"),
        ("usage server", ext(constraints(), key_usage(), usage(SERVER)),
         "unsupported_certificate", "extendedKeyUsage"),
        ("without usage", ext(constraints(), key_usage()), "access_denied", "clientAuth"),
        ("usage for keys only", ext(constraints(), key_usage(0x20), usage(CLIENT)),
         "unsupported_certificate", "keyUsage"),
        ("a leaf that is a CA", ext(constraints(True), key_usage(), usage(CLIENT)),
         "access_denied", "sign certificates"),
        ("another role", subject((OU, "root"), (CN, "x")), "access_denied", "neither view nor"),
        ("a role and more", subject((OU, "operate\0"), (CN, "x")), "access_denied",
         "neither view nor"),
        ("two roles", subject((OU, "view"), (OU, "operate"), (CN, "x")), "access_denied",
         "more than one unit"),
        ("no name", subject((OU, "view")), "access_denied", "not one name"),
        ("two names", subject((CN, "x"), (CN, "y")), "access_denied", "not one name"),
        ("RSA 1024", weak("rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
         "bad_certificate", ""),
        ("RSA 3072", weak("rsa3", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"),
         "bad_certificate", ""),
        ("P-192", weak("p192", *EC, "ec_paramgen_curve:prime192v1"), "bad_certificate", ""),
        ("secp256k1", weak("k1", *EC, "ec_paramgen_curve:secp256k1"), "bad_certificate", ""),
        ("Ed25519", weak("ed", "-algorithm", "ED25519"), "bad_certificate", ""),
        ("signed with SHA-1", [ca.make(spki, algorithm=ECDSA_SHA1)], "bad_certificate", ""),
        ("of version 1", [ca.make(spki, version=0, ext=[])], "access_denied", "clientAuth"),
        ("of version 5", [ca.make(spki, version=4)], "unsupported_certificate", ""),
        ("below a CA of its own", [below.make(spki), under[0]], "unknown_ca", ""),
        ("a chain of ten", deep, "", ""),
        ("a chain of ten, no top", deep[:-1], "", ""),
        ("a chain of 16 KiB", [good] * 32, "access_denied", "too long"),
        ("a chain of 64 KiB", [good] * (65536 // len(good) - 1), "decode_error", ""),
        ("a chain of 1 MiB", [good] * (1 << 20 >> 9), "decode_error", ""),
        ("a known extension twice", ext(usage(CLIENT), *base), "bad_certificate", ""),
        ("an unknown extension twice", ext(*base, extension(UNKNOWN, b"\x05\0"),
                                           extension(UNKNOWN, b"\x05\0")),
         "access_denied", "twice"),
        ("100 extensions", ext(*base, *(extension(UNKNOWN[:-2] + "%02x" % i, b"\x05\0")
                                        for i in range(100))), "access_denied", "too many"),
        ("an unknown critical extension", ext(*base, extension(UNKNOWN, b"\x05\0", True)),
         "bad_certificate", ""),
        ("a byte behind it", [good + b"\0"], "access_denied", "bytes follow"),
        ("another behind it", [good + good], "access_denied", "bytes follow"),
        ("a byte behind the next", [good, ca.crt + b"\0"], "access_denied", "bytes follow"),
        ("a byte in its end", [signed_again(good, ca, lambda t: t.append(b"\x05\0"))],
         "bad_certificate", ""),
        ("its first half", [good[:len(good) // 2]], "bad_certificate", ""),
        ("one changed bit", [good[:-1] + bytes([good[-1] ^ 1])], "unknown_ca", ""),
        ("zeros", [bytes(300)], "bad_certificate", ""),
        ("an entry of nothing", [b""], "decode_error", ""),
        ("one good, one of zeros", [good, bytes(300)], "bad_certificate", ""),
    )


def log():
    with open(TMP + "/daemon.log", encoding="utf-8") as f:
        return f.read()


def refused(what, source, act):
    """The alert of twice the same, and the line of the log."""
    for _ in range(2):
        r = Raw(PORT, source=source)
        act(r, r.flight())
        alert, how = r.end()
        r.close()
        check("%s: is refused by an alert, %s" % (what, how), alert is not None)
        check("%s: the end after the alert" % what, how == "closed", how)
    said = re.findall(r"peer-refused .*source=%s .*" % re.escape(source), log())
    check("%s: is logged once" % what, len(said) == 1, said)
    return alert, said[0]


def proofs(good):
    """Whoever shows a certificate has to hold its key."""
    def other_key(r, ask):
        r.tell(r.certificate([good], ask))
        r.tell(r.verify(key("other")))
        r.finish()

    def no_proof(r, ask):
        r.tell(r.certificate([good], ask))
        r.finish()

    def no_certificate(r, _):
        r.finish()

    def twice(r, ask):
        r.tell(r.certificate([good], ask))
        r.tell(r.certificate([good], ask))

    def wrong_finish(r, ask):
        r.tell(r.certificate([good], ask))
        r.tell(r.verify(key("own")))
        r.tell(b"\x14\0\0\x20" + bytes(32))

    def context(r, ask):
        r.tell(r.certificate([good], ask + b"x"))

    def behind(r, ask):
        r.tell(r.certificate([good], ask, b"\0"))

    for i, (what, act, want) in enumerate((
            ("a proof by another key", other_key, "decrypt_error"),
            ("no proof", no_proof, "unexpected_message"),
            ("no certificate message", no_certificate, "unexpected_message"),
            ("a certificate twice", twice, "unexpected_message"),
            ("a wrong Finished", wrong_finish, "decrypt_error"),
            ("a context that was not asked for", context, "decode_error"),
            ("a byte behind the list", behind, "decode_error"))):
        alert, said = refused(what, "127.0.13.%d" % (i + 1), act)
        print("# %-34s %-24s %s" % (what, alert, said.split("why=")[1]))
        check("%s: the alert" % what, alert == want, alert)


def main():
    good, cases = table()
    until("TLS", lambda: Raw(PORT).shake([good], key("own")).ask() == "HTTP/1.1 200 OK")
    for i, (what, ders, want, why) in enumerate(cases):
        alert, said = refused(what, "127.0.12.%d" % (i + 1),
                              lambda r, ask, d=ders: r.tell(r.certificate(d, ask)))
        print("# %-34s %-24s %s" % (what, alert, said.split("why=")[1]))
        check("%s: the alert" % what, want in ("", alert), alert)
        check("%s: the reason" % what, why in said, said)
    proofs(good)
    for what, ders in (("a good one", [good]),
                       ("any usage", [Issuer(KEYS + "/ca.crt", KEYS + "/ca.key").make(
                           parts(inside(parts(inside(good))[0]))[6],
                           ext=[constraints(), key_usage(), usage(ANY)])]),
                       ("with its CA", [good, from_pem(KEYS + "/ca.crt")])):
        r = Raw(PORT, source="127.0.14.1").shake(ders, key("own"))
        check("%s: is served" % what, r.ask() == "HTTP/1.1 200 OK")
        r.close()


main()
