# SPDX-License-Identifier: Apache-2.0
"""PORT KEYS PID DIR SESSIONS COMMAND...: sessions, a killed control process, COMMAND in the place
of the daemon PID, and who resumes. Ends the daemons that it started."""
import os
import signal
import subprocess
import sys
import time

from tls_rig import Certs, Peer, check, context, fail, until

PORT, KEYS, DAEMON = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
DIR, SESSIONS, COMMAND = sys.argv[4], int(sys.argv[5]), sys.argv[6:]
RINGFENCE, CA, LATE_S = COMMAND[0], KEYS + "/ca.crt", 5
GET = b"%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n"


def role_pid(pid, role):
    """The child in that role; one that ends while it is looked at is none."""
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        for child in f.read().split():
            try:
                with open("/proc/%s/cmdline" % child, "rb") as c:
                    words = c.read().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"@" + role.encode() in words:
                return int(child)
    return 0


def switches(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int([x for x in f if x.startswith("voluntary")][0].split()[1])


def asleep(pid):
    """Switches of a process that waits: one that starts, or proves keys, still makes some."""
    def still():
        before = switches(pid)
        time.sleep(0.3)
        return before if switches(pid) == before else 0
    return until("the signer's sleep", still)


class Client:
    """One that keeps its newest ticket."""

    def __init__(self, i, cert):
        self.source = "127.0.%d.%d" % (16 + i // 250, i % 250 + 1)
        self.ctx = context(CA, cert)
        self.session = None

    def ask(self):
        p = Peer(PORT, CA, ctx=self.ctx, source=self.source, session=self.session).shake()
        check("served", p.ask("/v1/status")[0] == 200)
        reused, self.session = p.sock.session_reused, p.sock.session
        denied = p.ask("/v1/policy/reload", "POST", "If-Match: *\r\n")[0] == 403
        p.close()
        return reused, denied

    def refused(self):
        try:
            self.ask()
        except OSError:
            return True
        return False


def resume_all(clients, pid, what):
    signer = until("the signer", lambda: role_pid(pid, "signer"))
    before, start, whole = asleep(signer), time.monotonic(), 0
    for c in clients:
        reused, denied = c.ask()
        check("the role of view", denied)
        whole += not reused
    took = time.monotonic() - start
    check("%s: all resume" % what, whole == 0, whole)
    check("%s: the signer slept" % what, switches(signer) == before)
    print("# %s: %d sessions resumed in %.2f s, load %.1f" %
          (what, len(clients), took, os.getloadavg()[0]))


def s_client(cert, *args, post=False):
    line = GET % ((b"POST /v1/policy/reload", b"If-Match: *\r\n") if post else
                  (b"GET /v1/status", b""))
    r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % PORT, "-CAfile", CA,
                        "-cert", cert[0], "-key", cert[1], "-servername", "localhost", "-ign_eof",
                        *args], input=line, capture_output=True, check=False, timeout=20)
    return r.stdout.decode(errors="replace")


def tickets_of_openssl(certs, view, after):
    """Tickets kept in files by another library; after: what happens in between."""
    kept, ends = DIR + "/view.sess", DIR + "/ends.sess"
    soon = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + LATE_S))
    over = certs.make("ends", ou="view", end=soon)
    for cert, path in ((view, kept), (over, ends)):
        check("a ticket to keep", "200 OK" in s_client(cert, "-sess_out", path))
        check("the file of it", os.path.getsize(path) > 0)
    at = time.monotonic()
    after()
    got = s_client(view, "-sess_in", kept, post=True)
    check("openssl resumes", "Reused, TLSv1.3" in got, got[-600:])
    check("its role is still view", " 403 " in got, got[-600:])
    time.sleep(max(0, LATE_S + 1 - (time.monotonic() - at)))
    got = s_client(over, "-sess_in", ends)
    check("nobody resumes after the certificate's end", "200 OK" not in got, got[-600:])
    with open(kept, encoding="ascii") as f:
        check("a session", "SESSION" in f.read())
    return kept


def main():
    daemon = DAEMON
    started = []

    def takeover():
        nonlocal daemon
        with open(DIR + "/daemon.log", "ab") as log:
            fresh = subprocess.Popen(COMMAND, stderr=log, stdout=log)
        started.append(fresh)
        until("the end of the one before", lambda: not os.path.exists("/proc/%d" % daemon) or
              "Z" in open("/proc/%d/stat" % daemon, encoding="ascii").read().split()[2])
        if len(started) > 1:
            started[-2].wait()
        daemon = fresh.pid

    certs = Certs(DIR + "/certs", KEYS)
    view = certs.make("viewer", ou="view")
    gone = certs.make("gone", ou="view")
    try:
        clients = [Client(i, view) for i in range(SESSIONS)]
        revoked = Client(SESSIONS, gone)
        start = time.monotonic()
        for c in clients + [revoked]:
            check("the first is whole", not c.ask()[0])
        print("# %d whole handshakes in %.2f s" % (SESSIONS + 1, time.monotonic() - start))
        ctl = role_pid(daemon, "ctl")
        check("ctl", ctl != 0)
        os.kill(ctl, signal.SIGKILL)
        until("another ctl", lambda: role_pid(daemon, "ctl") not in (0, ctl))
        resume_all(clients, daemon, "ctl killed")
        check("who will be revoked resumes", revoked.ask()[0])
        tickets_of_openssl(certs, view, takeover)
        subprocess.run([RINGFENCE, "keys", "revoke", KEYS, gone[0]], check=True,
                       capture_output=True)
        takeover()
        resume_all(clients, daemon, "upgrade")
        check("the revoked one is refused", revoked.refused())
        # another server's ticket: the keys before, with another server certificate
        fresh = certs.make("fresh", usage="server", san="DNS:localhost,IP:127.0.0.1")
        for src, name in ((fresh[1], "server.key"), (fresh[0], "server.crt")):
            with open(src, "rb") as f, open(KEYS + "/" + name + ".new", "wb") as out:
                os.fchmod(out.fileno(), 0o600)
                out.write(f.read())
            os.rename(KEYS + "/" + name + ".new", KEYS + "/" + name)
        takeover()
        check("tickets end with the server's certificate", not clients[0].ask()[0])
    finally:
        for p in started:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(15)
                except subprocess.TimeoutExpired:
                    p.kill()
                    fail("the daemon does not end")


main()
