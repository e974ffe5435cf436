# SPDX-License-Identifier: Apache-2.0
"""Certificates of every kind by openssl, and a client of the TLS channel that says what it met."""
import os
import socket
import ssl
import subprocess
import sys
import time

WAIT_S = int(os.environ.get("RIG_WAIT_S", "15"))


def fail(why):
    sys.exit("FAILED: " + why)


def check(what, good, got=""):
    if not good:
        fail("%s %r" % (what, got) if got != "" else what)


def until(what, f, limit=WAIT_S):
    """What f returns, once it is true."""
    end = time.monotonic() + limit
    while True:
        got = f()
        if got:
            return got
        if time.monotonic() > end:
            fail("waited %s s for %s" % (limit, what))
        time.sleep(0.01)


CONF = """
[ca]
default_ca = d
[d]
database = %(dir)s/index
serial = %(dir)s/serial
new_certs_dir = %(dir)s
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = supplied
organizationalUnitName = optional
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[leafca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyCertSign
extendedKeyUsage = clientAuth
[sub]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
"""


class Certs:
    """Files in a directory of its own, signed by the CA of the key directory or another."""

    def __init__(self, where, keys):
        self.dir = where
        self.keys = keys
        os.makedirs(where)
        for name, text in (("index", ""), ("serial", "1000\n"), ("conf", CONF % {"dir": where})):
            with open(self.path(name), "w", encoding="ascii") as f:
                f.write(text)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *args):
        r = subprocess.run(["openssl", *args], capture_output=True, check=False)
        if r.returncode != 0:
            fail("openssl %s: %s" % (args, r.stderr.decode()))
        return r.stdout.decode()

    def read(self, path):
        with open(path, encoding="ascii") as f:
            return f.read()

    def self_signed(self, name, subject, usage="sub"):
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", self.path(name + ".key"), "-out", self.path(name + ".crt"),
                 "-subj", subject, "-days", "30", "-config", self.path("conf"),
                 "-extensions", usage)
        return self.path(name + ".crt"), self.path(name + ".key")

    def make(self, name, usage="client", start="20200101000000Z", end="20400101000000Z",
             ca=None, ou="operate", san=None, curve="P-256"):
        """name.crt, name.key; ca: (crt, key), else the key directory's."""
        crt, key = ca or (self.keys + "/ca.crt", self.keys + "/ca.key")
        conf = self.path("conf")
        if san:
            conf = self.path(name + ".conf")
            with open(conf, "w", encoding="ascii") as f:
                f.write(self.read(self.path("conf")).replace(
                    "[server]\n", "[server]\nsubjectAltName = %s\n" % san))
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + curve,
                 "-nodes", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"),
                 "-subj", "/OU=%s/CN=%s" % (ou, name))
        self.run("ca", "-batch", "-notext", "-config", conf, "-cert", crt, "-keyfile", key,
                 "-startdate", start, "-enddate", end, "-extensions", usage,
                 "-in", self.path(name + ".csr"), "-out", self.path(name + ".crt"))
        return self.path(name + ".crt"), self.path(name + ".key")

    def chain(self, name, depth):
        """A leaf below depth CAs below the key directory's; the file holds them all."""
        ca, text = None, ""
        for i in range(depth):
            ca = self.make("%s-%d" % (name, i), usage="sub", ca=ca)
            text = self.read(ca[0]) + text
        crt, key = self.make(name, ca=ca)
        text = self.read(crt) + text
        with open(crt, "w", encoding="ascii") as f:
            f.write(text)
        return crt, key


class Peer:
    """One connection from an address of its own."""

    def __init__(self, port, ca, cert=None, source="127.0.0.1", session=None, ctx=None,
                 version=ssl.TLSVersion.TLSv1_3, rcvbuf=0):
        self.ctx = ctx or context(ca, cert, version)
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        raw.settimeout(WAIT_S)
        raw.bind((source, 0))
        raw.connect(("127.0.0.1", port))
        self.sock = self.ctx.wrap_socket(raw, server_hostname="localhost", session=session,
                                         do_handshake_on_connect=False)
        self.left = b""

    def shake(self):
        self.sock.do_handshake()
        return self

    def ask(self, path, method="GET", fields=""):
        """Status, head and body of one answer with a length."""
        self.sock.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, path, fields))
                          .encode())
        return self.answer()

    def answer(self):
        got = self.left
        while b"\r\n\r\n" not in got:
            got += self.part()
        head, body = got.split(b"\r\n\r\n", 1)
        text = head.decode()
        size = [int(x.split(":")[1]) for x in text.split("\r\n") if
                x.lower().startswith("content-length:")]
        while size and len(body) < size[0]:
            body += self.part()
        self.left = body[size[0]:] if size else b""
        return int(text.split()[1]), text, body[:size[0]] if size else body

    def part(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionResetError("closed")
        return data

    def close(self):
        self.sock.close()


def context(ca, cert=None, version=ssl.TLSVersion.TLSv1_3):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.minimum_version = ctx.maximum_version = version
    ctx.load_verify_locations(ca)
    if cert:
        ctx.load_cert_chain(*cert)
    return ctx


def refusal(*args, **named):
    """How the server refused; None where it answered. A client of TLS 1.3 hears of it at its
    first read only."""
    p = None
    try:
        p = Peer(*args, **named).shake()
        p.ask("/v1/status")
        return None
    except ssl.SSLError as e:
        return e.reason or str(e)
    except (ConnectionError, ssl.SSLZeroReturnError) as e:
        return "closed: %s" % e
    finally:
        if p is not None:
            p.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def child_of(pid, word):
    """The child of pid whose argument is word, 0 where there is none."""
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        for child in f.read().split():
            try:
                with open("/proc/%s/cmdline" % child, "rb") as c:
                    if word.encode() in c.read().split(b"\0"):
                        return int(child)
            except OSError:
                pass
    return 0
