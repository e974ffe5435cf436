# SPDX-License-Identifier: Apache-2.0
"""What api_http.sh asks: SOCKET"""
import http.client
import json
import socket
import sys
import time

from tls_rig import check, until

SOCK = sys.argv[1]
JSON = "application/json"


class Local(http.client.HTTPConnection):
    """The standard library's client over the local socket."""

    def __init__(self):
        super().__init__("localhost", timeout=15)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(15)
        self.sock.connect(SOCK)


def ask(method, path, body=None, **fields):
    c = Local()
    c.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in fields.items()})
    r = c.getresponse()
    data = r.read() if r.getheader("Transfer-Encoding") != "chunked" else b""
    c.close()
    return r.status, r, data


def raw(data):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    s.connect(SOCK)
    s.sendall(data)
    got = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        got += part
        if b"\r\n\r\n" in got and b"Connection: close" not in got.split(b"\r\n\r\n")[0]:
            break
    s.close()
    return got


def table():
    head = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n"
    for what, data, status, slug in (
            ("an unknown method", b"BREW /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 501,
             "not-implemented"),
            ("a long target", b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414,
             "target-too-long"),
            ("a long head", head + b"X: " + b"a" * 17000 + b"\r\n\r\n", 431, "head-too-long"),
            ("many fields", head + b"X: a\r\n" * 70 + b"\r\n", 431, "head-too-long"),
            ("a long body", b"POST /v1/policy/check HTTP/1.1\r\nHost: x\r\nContent-Length: "
             b"9000000\r\n\r\n", 413, "too-long"),
            ("HTTP/1.0", b"GET /v1/status HTTP/1.0\r\nHost: x\r\n\r\n", 505, "version"),
            ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad-request"),
            ("no host", b"GET /v1/status HTTP/1.1\r\n\r\n", 400, "bad-request"),
            ("two lengths", b"POST /v1/policy/check HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
             b"Content-Length: 1\r\n\r\nx", 400, "bad-request"),
            ("a folded line", head + b"X: a\r\n b\r\n\r\n", 400, "bad-request"),
            ("a trailer", b"POST /v1/policy/check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
             b"chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400, "bad-request"),
            ("an unknown coding", b"POST /v1/policy/check HTTP/1.1\r\nHost: x\r\n"
             b"Transfer-Encoding: gzip\r\n\r\n", 501, "not-implemented")):
        got = raw(data)
        first, body = got.split(b"\r\n", 1)[0].decode(), got.split(b"\r\n\r\n", 1)[1]
        check("%s: %s" % (what, first), first.startswith("HTTP/1.1 %d " % status))
        check("%s: %r" % (what, body), json.loads(body)["type"] == "urn:ringfence:" + slug)


def methods():
    for path, allow in (("/v1/status", "OPTIONS, GET, HEAD"),
                        ("/v1/policy/plan", "OPTIONS, GET, HEAD, POST"),
                        ("/v1/policy/reload", "OPTIONS, POST"),
                        ("/v1/jobs/7", "OPTIONS, GET, HEAD, DELETE")):
        status, r, data = ask("OPTIONS", path)
        check("OPTIONS " + path, status == 204 and data == b"", status)
        check("Allow of " + path, r.getheader("Allow") == allow, r.getheader("Allow"))
        status, r, _ = ask("PATCH", path)
        check("PATCH " + path, status == 405 and r.getheader("Allow") == allow, status)
    check("OPTIONS of nothing", ask("OPTIONS", "/v1/nothing")[0] == 404)
    status, r, data = ask("HEAD", "/v1/policy")
    check("HEAD", status == 200 and data == b"" and int(r.getheader("Content-Length")) > 10)
    check("its tag", r.getheader("ETag") == ask("GET", "/v1/policy")[1].getheader("ETag"))
    status, r, data = ask("HEAD", "/v1/alerts")
    check("HEAD of a stream", status == 200 and r.getheader("Content-Type") ==
          "text/event-stream", r.getheaders())


def types():
    for path, accept, status, kind in (
            ("/v1/status", "application/json", 200, JSON),
            ("/v1/status", "application/*", 200, JSON),
            ("/v1/status", "text/html, */*;q=0.1", 200, JSON),
            ("/v1/status", "text/html", 406, "application/problem+json"),
            ("/v1/status", "*/*, application/json;q=0", 406, "application/problem+json"),
            ("/v1/status", "", 406, "application/problem+json"),
            ("/v1/metrics", "text/plain", 200, "text/plain; version=0.0.4; charset=utf-8"),
            ("/v1/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,application/"
             "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", 200,
             "application/openmetrics-text; version=1.0.0; charset=utf-8"),
            ("/v1/metrics", "text/plain;q=0.9,application/openmetrics-text;q=0.8", 200,
             "text/plain; version=0.0.4; charset=utf-8"),
            ("/v1/alerts", "text/event-stream", 200, "text/event-stream"),
            ("/v1/alerts", "Application/X-NDJSON", 200, "application/x-ndjson"),
            ("/v1/alerts", "application/json", 406, "application/problem+json")):
        got, r, _ = ask("GET", path, Accept=accept)
        check("%s as %r: %d, %s" % (path, accept, got, r.getheader("Content-Type")),
              got == status and r.getheader("Content-Type") == kind)
    for fields, status in (({"Content_Type": "text/xml"}, 415),
                           ({"Content_Type": "application/jsonp"}, 415),
                           ({"Content_Type": "application/json; charset=utf-8"}, 400),
                           ({"Content_Encoding": "gzip"}, 415),
                           ({"Content_Encoding": "identity"}, 400)):
        got, _, data = ask("POST", "/v1/policy/plan", body=b"{}", **fields)
        check("%s is answered with %d" % (fields, got), got == status, data)


def queries():
    for method, path, status, detail in (
            ("POST", "/v1/policy/reload?confirm=0", 400, "confirm takes 1 to 3600"),
            ("POST", "/v1/policy/reload?confirm=3601", 400, "confirm takes 1 to 3600"),
            ("POST", "/v1/policy/reload?confirm=", 400, "confirm takes 1 to 3600"),
            ("POST", "/v1/policy/reload?confirm=60s", 400, "confirm takes 1 to 3600"),
            ("POST", "/v1/policy/reload?confirm=9&confirm=9", 400, "once"),
            ("POST", "/v1/policy/reload?confrm=9", 400, "does not know"),
            ("POST", "/v1/policy/rollback?generation=0", 400, "generation takes 1 to 4294967295"),
            ("POST", "/v1/policy/rollback?generation=4294967296", 400, "generation takes 1"),
            ("POST", "/v1/policy/rollback?generation=1", 404, "is the one that is enforced"),
            ("POST", "/v1/policy/rollback?generation=9", 404, "generation 9 is not kept"),
            ("POST", "/v1/policy/rollback", 404, "no generation is kept beside"),
            ("GET", "/v1/jobs/1?wait=61", 400, "wait takes 0 to 60"),
            ("GET", "/v1/jobs/0", 404, "no such path"),
            ("GET", "/v1/generations/0", 404, "no such path"),
            ("GET", "/v1/generations/01", 404, "no such path"),
            ("GET", "/v1/generations/4294967295", 404, "not kept"),
            ("GET", "/v1/flows?limit=1&limit=2", 400, "limit is given twice"),
            ("GET", "/v1/flows?before=1&before=1", 400, "before is given twice"),
            ("GET", "/v1/flows?from=::1&from=::1", 400, "from is given twice")):
        got, r, data = ask(method, path, If_Match="*")
        p = json.loads(data)
        check("%s %s: %d" % (method, path, got), got == status and detail in p["detail"], data)
        check("%s %s: its title" % (method, path), p["title"] == r.reason, data)
    for wait in ("0", "60"):
        check("the bound is taken", ask("GET", "/v1/jobs/7777?wait=" + wait)[0] == 404)
    status, _, data = ask("POST", "/v1/judge", body=b"")
    check("a capture has no lines", status == 400 and "line" not in json.loads(data), data)


def policy(text):
    return json.dumps({"files": [{"path": "new.pol", "text": text}]}).encode()


def plans():
    with open(__import__("os").environ["TMPDIR"] + "/policy/a.pol", encoding="ascii") as f:
        text = f.read()
    same = json.loads(ask("POST", "/v1/policy/plan", body=json.dumps(
        {"files": [{"path": "a.pol", "text": text}]}).encode())[2])
    check("the same text changes nothing", same["changed"] is False, same)
    status, _, data = ask("POST", "/v1/policy/plan", body=policy(text.replace("8080", "8443")))
    plan = json.loads(data)
    check("a plan", status == 200 and plan["changed"], data)
    check("its line", plan["added"][0]["file"] == "new.pol", plan)
    check("what is gained", any(e["gained"] for e in plan["effects"]), plan)
    status, _, data = ask("POST", "/v1/policy/plan", body=policy("segmet {}\n"))
    bad = json.loads(data)
    check("an error of the text", status == 422 and bad["file"] == "new.pol" and
          bad["line"] == 1, bad)
    for body in (b"", b"{", b'{"files":[],"more":1}', b'{"files":[{"path":"../a.pol","text":""}]}',
                 b'{"files":[{"path":"a.pol","text":"","more":1}]}', b"[]"):
        status, _, data = ask("POST", "/v1/policy/plan", body=body)
        want = 200 if body == b"" else 400
        check("plan of %r" % body, status == want, data)


def jobs():
    slow = "local n = 0\nfor i = 1, 1e9 do n = n + i end\n"
    status, r, data = ask("POST", "/v1/policy/check", body=policy(slow), Idempotency_Key="k1")
    place = r.getheader("Location")
    check("a job", status == 202, data)
    again = ask("POST", "/v1/policy/check", body=policy(slow), Idempotency_Key="k1")[1]
    check("the same key is the same job", again.getheader("Location") == place)
    for verb, body in (("check", policy("")), ("reload", policy(slow))):
        status, _, data = ask("POST", "/v1/policy/" + verb, body=body, Idempotency_Key="k1",
                              If_Match="*")
        check("the key with another request", status == 422, data)
    start = time.monotonic()
    status, _, data = ask("DELETE", place)
    check("a running check is cancelled", status == 200 and
          json.loads(data)["state"] == "cancelled", data)
    check("twice is once", ask("DELETE", place)[0] == 200)
    check("it says so", json.loads(ask("GET", place + "?wait=5")[2])["state"] == "cancelled")
    check("no job", ask("DELETE", "/v1/jobs/9999")[0] == 404)
    status, r, _ = ask("POST", "/v1/policy/reload", body=policy(slow), If_Match="*")
    place = r.getheader("Location")
    check("a reload", status == 202)
    check("another must wait", ask("POST", "/v1/policy/reload", body=policy(slow),
                                   If_Match="*")[0] == 503)
    status, _, data = ask("DELETE", place)
    check("a running reload is cancelled", status == 200 and
          json.loads(data)["state"] == "cancelled", data)
    check("nothing compiles", not json.loads(ask("GET", "/v1/status")[2])["policy"]["compiling"])
    print("# cancelled after %.3f s" % (time.monotonic() - start))
    done = ask("POST", "/v1/policy/check", If_Match="*")[1].getheader("Location")
    until("the check", lambda: json.loads(ask("GET", done + "?wait=5")[2])["state"] == "done")
    check("what is done is not cancelled", ask("DELETE", done)[0] == 409)
    where = ask("POST", "/v1/policy/reload", If_Match="*")[1].getheader("Location")
    got = json.loads(ask("GET", where + "?wait=10")[2])
    check("reloads go on", got["outcome"]["ok"], got)


def generation():
    return json.loads(ask("GET", "/v1/status")[2])["generation"]


def keys():
    """Changes with a key are made once, though their If-Match is of before them."""
    tag = ask("GET", "/v1/policy")[1].getheader("ETag")
    body = policy('segment "k" { members = "10.20.3.9", mode = "enforce" }\n')
    post = {"body": body, "If_Match": tag, "Idempotency_Key": "r1"}
    first = ask("POST", "/v1/policy/reload?confirm=600", **post)[1].getheader("Location")
    got = json.loads(ask("GET", first + "?wait=10")[2])
    check("a reload that waits", got["outcome"]["ok"], got)
    number = generation()
    again = ask("POST", "/v1/policy/reload?confirm=600", **post)
    check("the same reload", again[0] == 202 and again[1].getheader("Location") == first, again[2])
    check("nothing was enforced again", generation() == number)
    for path in ("/v1/policy/reload?confirm=60", "/v1/policy/reload", "/v1/policy/confirm"):
        fields = dict(post) if "reload" in path else {"If_Match": "*", "Idempotency_Key": "r1"}
        status, _, data = ask("POST", path, **fields)
        check("the reload's key with %s" % path, status == 422, data)
    tag = ask("GET", "/v1/policy")[1].getheader("ETag")
    answers = [ask("POST", "/v1/policy/confirm", If_Match=tag, Idempotency_Key="c1")
               for _ in range(3)]
    check("confirmed", answers[0][0] == 200, answers[0][2])
    check("confirmed once", all(x[2] == answers[0][2] and x[0] == 200 and
                                x[1].getheader("ETag") == answers[0][1].getheader("ETag")
                                for x in answers))
    check("without the key nothing waits", ask("POST", "/v1/policy/confirm", If_Match="*")[0] == 409)
    check("a refusal is not kept", [ask("POST", "/v1/policy/confirm", If_Match="*",
                                        Idempotency_Key="c2")[0] for _ in range(2)] == [409, 409])
    answers = [ask("POST", "/v1/policy/rollback", If_Match=tag, Idempotency_Key="b1")
               for _ in range(2)]
    check("rolled back", answers[0][0] == 200, answers[0][2])
    check("rolled back once", answers[1][0] == 200 and answers[1][2] == answers[0][2] and
          generation() == number + 1, answers[1][2])
    for path, verb in (("/v1/policy/rollback?generation=%d" % number, "b1"),
                       ("/v1/policy/confirm", "b1"), ("/v1/policy/rollback", "c1"),
                       ("/v1/policy/check", "b1")):
        status, _, data = ask("POST", path, If_Match="*", Idempotency_Key=verb)
        check("the key %s with %s" % (verb, path), status == 422, data)
    check("another key, and If-Match of before", ask(
        "POST", "/v1/policy/rollback", If_Match=tag, Idempotency_Key="b2")[0] == 412)
    # as many answers as are kept: then the first key is a new one
    for i in range(32):
        status, _, data = ask("POST", "/v1/policy/rollback", If_Match="*",
                              Idempotency_Key="n%d" % i)
        check("rollback %d" % i, status == 200, data)
    number = generation()
    check("a key that is forgotten", ask("POST", "/v1/policy/rollback", If_Match="*",
                                         Idempotency_Key="b1")[0] == 200)
    check("it was done", generation() == number + 1)


table()
methods()
types()
queries()
plans()
jobs()
check("nothing was enforced so far", generation() == 1)
keys()
