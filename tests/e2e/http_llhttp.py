# SPDX-License-Identifier: Apache-2.0
"""What http_llhttp.sh compares: OUR_SOCKET NODE_SOCKET NODE_SEEN"""
import re
import socket
import sys

from tls_rig import check, until

OURS, NODE, SEEN = sys.argv[1:4]
# a second request behind the first: two that disagree where the first ends see another number
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MALFORMED = (b"400", b"413", b"414", b"431", b"501", b"505", b"417")
GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
          b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
BYTES = b"\0\t\n\r ,:;%/0Aa\x7f\x80\xff"
HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"


def answer(path, data):
    """All that comes back."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    got = b""
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while True:
            part = s.recv(65536)
            if not part:
                break
            got += part
    except OSError:
        pass
    s.close()
    return got


def ours_of(data):
    """How many requests it answers as such."""
    got = answer(OURS, data)
    return sum(1 for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", got)
               if status not in MALFORMED and status != b"100")


def node_of(data):
    """How many it has seen whole; an error behind one may cost that one's answer."""
    node_of.count += 1
    answer(NODE, data)

    def line():
        try:
            with open(SEEN, encoding="ascii") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return None
        return lines if len(lines) >= node_of.count else None
    return int(until("what node has seen", line)[node_of.count - 1])


node_of.count = 0


def by_hand():
    two = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    for fields in (two + b"0\r\n\r\n", two + b"hello", b"Content-Length: 5\r\nContent-Length: 6\r\n"
                   b"\r\nhello", b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                   b"Content-Length: 5, 5\r\n\r\nhello", b"Content-Length: +5\r\n\r\nhello",
                   b"Content-Length: 0x5\r\n\r\nhello", b"Content-Length:\r\n\r\n",
                   b"Content-Length: 5 \r\n\r\nhello", b"Content-Length : 5\r\n\r\nhello",
                   b" Content-Length: 5\r\n\r\nhello", b"X: a\r\n Content-Length: 5\r\n\r\nhello",
                   b"Content-Length: 18446744073709551621\r\n\r\nhello",
                   b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"):
        yield HEAD + fields
    for body in (b"0\r\n\r\n", b"00\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\n\r\n",
                 b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"-1\r\n\r\n",
                 b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n",
                 b"ffffffffffffffff\r\nhello", b"10000000000000005\r\nhello\r\n0\r\n\r\n",
                 b"0\r\nTrailer: x\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\n\n",
                 b"0\n\n", b"5\r\nhel", b"\r\n", b""):
        yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
    for line in (b"GET  / HTTP/1.1", b"GET /\tHTTP/1.1", b"GET / HTTP/1.1 ", b"GET / http/1.1",
                 b"GET / HTTP/1.10", b"GET / HTTP/01.1", b"GET http://x/ HTTP/1.1", b"GET * HTTP/1.1",
                 b"GET /a b HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1", b"GET /#f HTTP/1.1", b"GET /%zz HTTP/1.1",
                 b"\r\nGET / HTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1\r", b"CONNECT x:1 HTTP/1.1"):
        yield line + b"\r\nHost: x\r\n\r\n"
    for host in (b"", b"Host: x\r\nHost: x\r\n", b"Host:\r\n", b"Host: a b\r\n"):
        yield b"GET / HTTP/1.1\r\n" + host + b"\r\n"


def inputs():
    yield from by_hand()
    for base in (GET, POST, CHUNKS):
        for n in range(len(base)):
            yield base[:n]
            for b in BYTES:
                yield base[:n] + bytes([b]) + base[n + 1:]
                if b in b"\r\n\0 \t":
                    yield base[:n] + bytes([b]) + base[n:]


def main():
    for base, want in ((GET, 2), (POST, 2), (CHUNKS, 2)):
        for of in (ours_of, node_of):
            check("%r is taken by %s" % (base, of.__name__), of(base + NEXT) == want)
    check("a hundred in one", ours_of(GET * 99 + NEXT) == node_of(GET * 99 + NEXT) == 100)
    total = stricter = 0
    wrong = []
    for data in inputs():
        ours, node = ours_of(data + NEXT), node_of(data + NEXT)
        total += 1
        stricter += ours < node
        if ours > node:
            wrong.append("%r: %d requests here, %d there" % (data, ours, node))
    print("# %d inputs, %d of them only Node takes" % (total, stricter))
    check("what Node refuses is taken:\n" + "\n".join(wrong[:20]), not wrong)
    check("both take some", 0 < stricter < total // 2, stricter)


main()
