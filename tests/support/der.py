# SPDX-License-Identifier: Apache-2.0
"""Certificates byte by byte (X.509, RFC 5280), right and wrong; keys and signatures by openssl."""
import os
import ssl
import subprocess

from tls_rig import fail

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA1 = bytes.fromhex("300906072a8648ce3d0401")
CLIENT = bytes.fromhex("06082b06010505070302")
SERVER = bytes.fromhex("06082b06010505070301")
ANY = bytes.fromhex("0604551d2500")
CN, OU = bytes.fromhex("0603550403"), bytes.fromhex("060355040b")


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else n.to_bytes((n.bit_length() + 7) // 8, "big")
    if n >= 128:
        size = bytes([128 + len(size)]) + size
    return bytes([tag]) + size + body


def parts(body):
    """The values that follow one another in body, whole."""
    out = []
    while body:
        n, at = body[1], 2
        if n >= 128:
            at = 2 + n - 128
            n = int.from_bytes(body[2:at], "big")
        out.append(body[:at + n])
        body = body[at + n:]
    return out


def inside(value):
    return value[2 + (value[1] - 128 if value[1] >= 128 else 0):]


def name(*pairs):
    return der(0x30, *(der(0x31, der(0x30, oid, der(0x0c, text.encode())))
                       for oid, text in pairs))


def extension(oid, value, critical=False):
    return der(0x30, bytes.fromhex(oid), b"\x01\x01\xff" if critical else b"", der(4, value))


def constraints(ca=False, path=None):
    return extension("0603551d13", der(0x30, b"\x01\x01\xff" if ca else b"",
                                       b"" if path is None else bytes([2, 1, path])), True)


def key_usage(bits=0x80):
    return extension("0603551d0f", bytes([3, 2, 0, bits]), True)


def usage(*oids):
    return extension("0603551d25", der(0x30, *oids))


def openssl(*args, text=b""):
    r = subprocess.run(["openssl", *args], input=text, capture_output=True, check=False)
    if r.returncode != 0:
        fail("openssl %s: %s" % (" ".join(args), r.stderr.decode()))
    return r.stdout


def key_make(path, *args):
    """A private key by openssl genpkey; its SubjectPublicKeyInfo."""
    openssl("genpkey", *args, "-out", path)
    return openssl("pkey", "-in", path, "-pubout", "-outform", "DER")


def from_pem(path):
    with open(path, encoding="ascii") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


class Issuer:
    """Signs by a CA's certificate and key."""

    def __init__(self, crt, key):
        self.crt = from_pem(crt)
        self.key = key
        self.subject = parts(inside(parts(inside(self.crt))[0]))[5]
        self.serial = int.from_bytes(os.urandom(6), "big")

    def sign(self, tbs, algorithm=ECDSA_SHA256):
        sha = "-sha1" if algorithm == ECDSA_SHA1 else "-sha256"
        sig = openssl("dgst", sha, "-sign", self.key, text=tbs)
        return der(0x30, tbs, algorithm, der(3, b"\0", sig))

    def make(self, spki, subject=None, ext=None, start="20200101000000Z", end="20400101000000Z",
             version=2, algorithm=ECDSA_SHA256, issuer=None):
        self.serial += 1
        if ext is None:
            ext = [constraints(), key_usage(), usage(CLIENT)]
        tbs = der(0x30, der(0xa0, bytes([2, 1, version])) if version else b"",
                  der(2, b"\x01", self.serial.to_bytes(8, "big")), algorithm,
                  issuer or self.subject, der(0x30, der(0x18, start.encode()),
                                              der(0x18, end.encode())),
                  subject or name((OU, "view"), (CN, "test")), spki,
                  der(0xa3, der(0x30, *ext)) if ext else b"")
        return self.sign(tbs, algorithm)
