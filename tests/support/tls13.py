# SPDX-License-Identifier: Apache-2.0
"""A client of TLS 1.3 that may say anything, in plain Python: RFC 8446 with X25519 and
ChaCha20-Poly1305 (RFC 7748, RFC 8439). Slow, and made to misbehave; never a pattern."""
import hashlib
import hmac
import os
import socket
import struct
import subprocess

from tls_rig import WAIT_S, fail

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac",
          22: "record_overflow", 40: "handshake_failure", 42: "bad_certificate",
          43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
          46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
          49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
          71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
          109: "missing_extension", 110: "unsupported_extension", 116: "certificate_required"}
P25519 = 2 ** 255 - 19


def x25519(k, u):
    k = bytearray(k)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(u, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P25519, x1 * (da - cb) ** 2 % P25519
        x2, z2 = aa * bb % P25519, e * (aa + 121665 * e) % P25519
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


def chacha_block(key, count, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", count) + nonce))
    w, m = s[:], 0xffffffff
    rounds = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
              (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
    for _ in range(10):
        for a, b, c, d in rounds:
            x, y, z, v = w[a], w[b], w[c], w[d]
            x = x + y & m
            v ^= x
            v = (v << 16 | v >> 16) & m
            z = z + v & m
            y ^= z
            y = (y << 12 | y >> 20) & m
            x = x + y & m
            v ^= x
            v = (v << 8 | v >> 24) & m
            z = z + v & m
            y ^= z
            w[a], w[b], w[c], w[d] = x, (y << 7 | y >> 25) & m, z, v
    return struct.pack("<16I", *(x + y & m for x, y in zip(w, s)))


def chacha(key, nonce, data):
    stream = b"".join(chacha_block(key, i + 1, nonce) for i in range((len(data) + 63) // 64))
    return (int.from_bytes(data, "little") ^
            int.from_bytes(stream[:len(data)], "little")).to_bytes(len(data), "little")


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % (2 ** 130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) & (2 ** 128 - 1)).to_bytes(16, "little")


def tag_of(key, nonce, extra, data):
    def pad(x):
        return x + bytes(-len(x) % 16)
    return poly1305(chacha_block(key, 0, nonce)[:32], pad(extra) + pad(data) +
                    struct.pack("<QQ", len(extra), len(data)))


def hkdf(secret, label, context, size):
    label = b"tls13 " + label
    info = struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:size]


def digest(data):
    return hashlib.sha256(data).digest()


def vec(size, data):
    """data behind its length of size bytes."""
    return len(data).to_bytes(size, "big") + data


def message(kind, body):
    return bytes([kind]) + vec(3, body)


def record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def extension(kind, body):
    return struct.pack(">H", kind) + vec(2, body)


class Keys:
    """One direction of one epoch."""

    def __init__(self, secret):
        self.secret, self.seq = secret, 0
        self.key, self.iv = hkdf(secret, b"key", b"", 32), hkdf(secret, b"iv", b"", 12)

    def nonce(self):
        n = int.from_bytes(self.iv, "big") ^ self.seq
        self.seq += 1
        return n.to_bytes(12, "big")

    def seal(self, kind, data, pad=0):
        plain = data + bytes([kind]) + bytes(pad)
        head = struct.pack(">BHH", DATA, 0x0303, len(plain) + 16)
        n = self.nonce()
        text = chacha(self.key, n, plain)
        return head + text + tag_of(self.key, n, head, text)

    def open(self, head, body):
        n = self.nonce()
        if tag_of(self.key, n, head, body[:-16]) != body[-16:]:
            fail("the server's record is not of its keys")
        plain = chacha(self.key, n, body[:-16]).rstrip(b"\0")
        return plain[-1], plain[:-1]

    def next(self):
        return Keys(hkdf(self.secret, b"traffic upd", b"", 32))


class Closed(Exception):
    """The server's end; alert: its name before that, None where there was none."""

    def __init__(self, alert, how):
        super().__init__("%s, %s" % (alert or "no alert", how))
        self.alert, self.how = alert, how


class Raw:
    """A connection on which every byte is the caller's."""

    def __init__(self, port, source="127.0.0.1", wait_s=WAIT_S):
        self.sock = socket.socket()
        self.sock.settimeout(wait_s)
        self.sock.bind((source, 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.private = os.urandom(32)
        self.out = self.back = None	# keys, once there are any
        self.log = b""			# the handshake so far
        self.left = b""			# handshake bytes behind the last message
        self.alert = None

    # --- what a client says ---

    def extensions(self):
        """Those of a good ClientHello, by number."""
        return [(43, vec(1, b"\x03\x04")), (10, vec(2, b"\x00\x1d")),
                (13, vec(2, b"\x04\x03")),
                (51, vec(2, b"\x00\x1d" + vec(2, x25519(self.private, b"\x09" + bytes(31))))),
                (0, vec(2, b"\0" + vec(2, b"localhost")))]

    def hello(self, extensions=None, suites=b"\x13\x03", version=0x0303, session=bytes(32),
              compression=b"\0"):
        ext = b"".join(extension(k, b) for k, b in
                       (self.extensions() if extensions is None else extensions))
        return message(1, struct.pack(">H", version) + b"R" * 32 + vec(1, session) +
                       vec(2, suites) + vec(1, compression) + vec(2, ext))

    def send(self, data):
        """What a peer that is gone takes is told by the read that follows."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def say(self, kind, data, piece=16384):
        """Under the keys that stand, in records of piece bytes."""
        for i in range(0, max(len(data), 1), piece):
            part = data[i:i + piece]
            self.send(self.out.seal(kind, part) if self.out else record(kind, part))

    def tell(self, msg, piece=16384):
        """A message of the handshake, of which both know."""
        self.log += msg
        self.say(HANDSHAKE, msg, piece)

    # --- what the server says ---

    def take(self, n):
        got = b""
        while len(got) < n:
            try:
                part = self.sock.recv(n - len(got))
            except socket.timeout:
                raise Closed(self.alert, "silent") from None
            except OSError:
                raise Closed(self.alert, "reset") from None
            if not part:
                raise Closed(self.alert, "closed")
            got += part
        return got

    def hear(self):
        """Kind and bytes of a record that is not an alert."""
        while True:
            head = self.take(5)
            kind, _, size = struct.unpack(">BHH", head)
            body = self.take(size)
            if kind == DATA and self.back:
                kind, body = self.back.open(head, body)
            if kind == CCS:
                continue
            if kind != ALERT:
                return kind, body
            self.alert = ALERTS.get(body[1], str(body[1]))

    def message(self):
        while len(self.left) < 4 or len(self.left) < 4 + int.from_bytes(self.left[1:4], "big"):
            kind, body = self.hear()
            if kind != HANDSHAKE:
                fail("a record of kind %d in the handshake" % kind)
            self.left += body
        n = 4 + int.from_bytes(self.left[1:4], "big")
        msg, self.left = self.left[:n], self.left[n:]
        self.log += msg
        return msg[0], msg[4:]

    def end(self):
        """Reads until the server ends it: alert or None, "closed", "reset" or "silent"."""
        try:
            while True:
                self.hear()
        except Closed as e:
            return e.alert, e.how

    # --- the whole of it ---

    def server_hello(self):
        kind, body = self.message()
        if kind != 2:
            fail("message %d is not a ServerHello" % kind)
        i = 2 + 32 + 1 + body[34]
        if body[2:34] == digest(b"HelloRetryRequest"):
            fail("HelloRetryRequest")
        at, share = i + 3 + 2, None
        while at < len(body):
            k, n = struct.unpack(">HH", body[at:at + 4])
            if k == 51:
                share = body[at + 8:at + 4 + n]
            at += 4 + n
        zero = bytes(32)
        early = hmac.new(zero, zero, hashlib.sha256).digest()
        both = x25519(self.private, share)
        secret = hmac.new(hkdf(early, b"derived", digest(b""), 32), both, hashlib.sha256).digest()
        h = digest(self.log)
        self.out = Keys(hkdf(secret, b"c hs traffic", h, 32))
        self.back = Keys(hkdf(secret, b"s hs traffic", h, 32))
        self.master = hmac.new(hkdf(secret, b"derived", digest(b""), 32), zero,
                               hashlib.sha256).digest()

    def flight(self, hello=None):
        """Hello, and the server's part up to its Finished; the context of its request."""
        self.tell(hello or self.hello())
        self.server_hello()
        ask = b""
        while True:
            kind, body = self.message()
            if kind == 13:
                ask = body[1:1 + body[0]]
            if kind == 20:
                break
        h = digest(self.log)
        self.app_out = Keys(hkdf(self.master, b"c ap traffic", h, 32))
        self.back = Keys(hkdf(self.master, b"s ap traffic", h, 32))
        return ask

    def certificate(self, ders, ask=b"", last=b""):
        """last: bytes behind the list's end."""
        return message(11, vec(1, ask) + vec(3, b"".join(vec(3, d) + vec(2, b"")
                                                         for d in ders)) + last)

    def verify(self, key):
        text = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + digest(self.log)
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text,
                             capture_output=True, check=True).stdout
        return message(15, b"\x04\x03" + vec(2, sig))

    def finished(self):
        key = hkdf(self.out.secret, b"finished", b"", 32)
        return message(20, hmac.new(key, digest(self.log), hashlib.sha256).digest())

    def finish(self):
        self.tell(self.finished())
        self.out = self.app_out

    def shake(self, ders, key):
        self.tell(self.certificate(ders, self.flight()))
        self.tell(self.verify(key))
        self.finish()
        return self

    def ask(self, path="/v1/status"):
        """The first line of the answer."""
        self.say(DATA, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        return self.answer()

    def answer(self):
        got = b""
        while b"\r\n" not in got:
            kind, body = self.hear()
            got += body if kind == DATA else b""
        return got.split(b"\r\n")[0].decode()

    def close(self):
        self.sock.close()
