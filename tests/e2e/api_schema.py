# SPDX-License-Identifier: Apache-2.0
"""Asks each route of the control channel, one answer a line: PORT KEYS STATE"""
import base64
import json
import os
import sys

from tls_rig import Peer, check

PORT, KEYS, STATE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
GETS = ("/v1/status", "/v1/counters", "/v1/generations", "/v1/policy", "/v1/metrics",
        "/v1/openapi.json", "/v1/generations/1", "/v1/generations/99", "/v1/generations/x",
        "/v1/generations/1/policy", "/v1/generations/99/policy", "/v1/jobs/999",
        "/v1/flows", "/v1/flows?limit=2&verdict=drop", "/v1/flows?limit=x", "/v1/flows/stream?x=1",
        "/v1/explain", "/v1/explain?packet=x", "/v1/status?x=1", "/v1/nothing", "/")
POSTS = ("/v1/policy/check", "/v1/policy/reload", "/v1/policy/confirm", "/v1/policy/rollback",
         "/v1/policy/rollback?generation=77", "/v1/policy/rollback?generation=x", "/v1/judge",
         "/v1/status")


def template(path):
    parts = path.split("?")[0].split("/")
    if len(parts) > 3 and parts[2] in ("generations", "jobs") and parts[3].isdigit():
        parts[3] = "{n}"
    return "/".join(parts)


def connect(name):
    return Peer(PORT, KEYS + "/ca.crt", (KEYS + "/" + name + ".crt", KEYS + "/" + name + ".key"),
                source="127.0.0.%d" % (11 + len(name))).shake()


def field(head, name):
    for line in head.split("\r\n"):
        if line.lower().startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return ""


def put(method, path, answer):
    status, head, body = answer
    print(json.dumps({"method": method, "path": template(path), "status": status,
                      "type": field(head, "content-type"), "body": body.decode()}))


def ask(p, method, path, fields="", body=b""):
    if body:
        fields += "Content-Length: %d\r\n" % len(body)
    p.sock.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, path, fields))
                   .encode() + body)
    answer = p.answer()
    put(method, path, answer)
    return answer


def job(p, answer):
    """To the end of a job that was begun."""
    where = field(answer[1], "location")
    if answer[0] != 202:
        return
    check("a job has a place", where.startswith("/v1/jobs/"))
    ask(p, "GET", where)
    ask(p, "GET", where + "?wait=10")


def stream(path, kind):
    p = connect("viewer")
    p.sock.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n"
                    "Last-Event-ID: 0\r\n\r\n" % (path, kind)).encode())
    got = b""
    while b"\r\n\r\n" not in got:
        got += p.part()
    head = got.split(b"\r\n\r\n")[0].decode()
    body = b""
    while STATE == "good" and path == "/v1/flows/stream" and "ndjson" in kind and \
            b"}\n" not in body:
        body = got.split(b"\r\n\r\n", 1)[1]
        got += p.part()
    lines = [x for x in body.split(b"\n") if x.startswith(b"{")]
    put("GET", path, (int(head.split()[1]), head, lines[0].rstrip(b"\r") if lines else b""))
    p.close()


def main():
    view, operate = connect("viewer"), connect("operator")
    for path in GETS:
        ask(operate, "GET", path)
    ask(view, "GET", "/v1/metrics", "Accept: text/plain\r\n")
    tag = field(ask(view, "GET", "/v1/policy")[1], "etag")
    if tag:
        ask(view, "GET", "/v1/policy", "If-None-Match: %s\r\n" % tag)
    for path in ("/v1/alerts", "/v1/flows/stream"):
        stream(path, "text/event-stream")
        stream(path, "application/x-ndjson")
    for path in POSTS:
        ask(view, "POST", path)
        ask(operate, "POST", path)
        ask(operate, "POST", path, 'If-Match: "1-bad"\r\n')
        job(operate, ask(operate, "POST", path, "If-Match: *\r\n"))
    job(operate, ask(operate, "POST", "/v1/policy/check"))
    if STATE == "good":
        with open(os.environ["TOP"] + "/tests/data/demo.pcap", "rb") as f:
            pcap = f.read()
        job(operate, ask(operate, "POST", "/v1/judge",
                         "Content-Type: application/vnd.tcpdump.pcap\r\n", pcap))
        text = json.dumps({"a": base64.b64encode(pcap[:30]).decode()}).encode()
        ask(operate, "POST", "/v1/judge", "Content-Type: application/json\r\n", text)
        ask(view, "GET", "/v1/explain?packet=10.9.0.5%20%3E%2010.20.3.7%20tcp/8080")
        path = os.environ["TMPDIR"] + "/policy/a.pol"
        with open(path, encoding="ascii") as f:
            text = f.read()
        with open(path, "w", encoding="ascii") as f:
            f.write(text.replace("8080", "8081"))
        ask(view, "GET", "/v1/policy/plan")
        posted = json.dumps({"files": [{"path": "a.pol", "text": text}]}).encode()
        ask(view, "POST", "/v1/policy/plan", "Content-Type: application/json\r\n", posted)
        ask(view, "POST", "/v1/policy/plan", "", b'{"files":[],"more":1}')
        ask(view, "POST", "/v1/policy/plan", "Content-Type: text/xml\r\n", b"<a/>")
        ask(view, "GET", "/v1/policy", "Accept: image/png\r\n")
        for who, path in ((view, "/v1/jobs/1"), (operate, "/v1/jobs/1"),
                          (operate, "/v1/jobs/999")):
            ask(who, "DELETE", path)
        job(operate, ask(operate, "POST", "/v1/policy/reload?confirm=60", "If-Match: *\r\n"))
        ask(operate, "POST", "/v1/policy/confirm", "If-Match: *\r\n")
        ask(operate, "POST", "/v1/policy/rollback", "If-Match: *\r\n")
    view.close()
    operate.close()


main()
