# SPDX-License-Identifier: Apache-2.0
"""A software NIC, a daemon, and two policies that judge tests/data/demo.pcap differently.

Used by the scripts of tests/e2e that end and disturb processes. Everything is bounded; a check
that fails ends the script with the processes' logs.
"""
import atexit
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

TOP = os.environ["TOP"]
RINGFENCE = os.environ["RINGFENCE"]
FULL = os.environ.get("FULL", "") not in ("", "0")
WAIT_S = 20


def skip(why):
    print(why)
    sys.exit(77)


def need_strace():
    """Skips where strace is missing, or may not inject into a child."""
    if shutil.which("strace") is None:
        skip("strace is not installed")
    r = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=chdir:error=EIO:when=1",
                        "sh", "-c", "cd /"], capture_output=True, check=False)
    if r.returncode == 0 or b"ptrace" in r.stderr:
        skip("strace cannot inject faults here: " + r.stderr.decode().strip())


class Rig:
    def __init__(self, state=None, sandbox=True):
        self.dir = os.environ["TMPDIR"]
        self.nic_sock = self.path("nic.sock")
        self.sock = self.path("d.sock")
        self.store = self.path("store")
        self.policy = self.path("policy")
        self.state = state or self.path("state")
        # an injected error reaches seccomp as call -1, which no room has
        self.extra = [] if sandbox else ["--no-sandbox"]
        self.nic = self.daemon = None
        self.log_at = 0
        shutil.copytree(TOP + "/policy", self.policy)
        with open(self.policy + "/payments.pol", encoding="ascii") as f:
            text = f.read()
        self.texts = {"A": text, "B": text.replace("tcp(443, 8080)", "tcp(8443)")}
        assert self.texts["A"] != self.texts["B"]
        self.sha = {}
        atexit.register(self.stop)

    def path(self, name):
        return os.path.join(self.dir, name)

    def fail(self, what):
        print("FAILED: " + what)
        for name in ("nic.log", "d.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    print("--- " + name + "\n" + "".join(f.readlines()[-15:]), end="")
        self.stop()
        sys.exit(1)

    def check(self, good, what):
        if not good:
            self.fail(what)

    def wait(self, what, fn, seconds=WAIT_S, every=0.005):
        end = time.monotonic() + seconds
        while True:
            v = fn()
            if v:
                return v
            if time.monotonic() > end:
                self.fail("waited for " + what)
            time.sleep(every)

    # --- processes ---

    def spawn(self, argv, log, pre=()):
        with open(self.path(log), "ab") as f:
            return subprocess.Popen(list(pre) + argv, stdin=subprocess.DEVNULL, stdout=f,
                                    stderr=f)

    def nic_start(self, pre=()):
        self.nic = self.spawn([RINGFENCE, "nic", "--wire", "pcap:" + TOP + "/tests/data/demo.pcap",
                               "--host", "pcap:/dev/null", "--socket", self.nic_sock, "--store",
                               self.store], "nic.log", pre)
        self.wait("the NIC", lambda: os.path.exists(self.nic_sock))

    def daemon_argv(self, **other):
        return [RINGFENCE, "run", "--nic", other.get("nic", self.nic_sock), "--policy",
                self.policy, "--state", other.get("state", self.state), "--socket",
                other.get("sock", self.sock)]

    def daemon_start(self, pre=()):
        """Starts it; returns at once."""
        if os.path.exists(self.path("d.log")):
            self.log_at = os.path.getsize(self.path("d.log"))
        self.daemon = self.spawn(self.daemon_argv() + self.extra, "d.log", pre)

    def log(self):
        """What the daemon said since its start."""
        with open(self.path("d.log"), encoding="utf-8", errors="replace") as f:
            f.seek(self.log_at)
            return f.read()

    def logged(self, pattern, after=0):
        """The last match since the start, past so many bytes."""
        found = list(re.finditer(pattern, self.log()[after:]))
        return found[-1] if found else None

    def daemon_ready(self):
        """Waits for the outcome of the start's compile; its match."""
        def done():
            self.check(self.daemon.poll() is None, "the daemon ended: %s" % self.daemon.returncode)
            return self.logged(r"reload-done generation=(\d+) changed=(\w+)")
        return self.wait("the start's compile", done)

    def kill(self, sig=signal.SIGKILL):
        if self.daemon is not None:
            self.daemon.send_signal(sig)
            self.daemon.wait(WAIT_S)
            self.daemon = None

    def stop(self):
        for p in (self.daemon, self.nic):
            if p is not None and p.poll() is None:
                p.terminate()
                try:
                    p.wait(WAIT_S)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait(WAIT_S)
        self.daemon = self.nic = None

    # --- asking ---

    def connect(self, sock=None):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(WAIT_S)
        s.connect(sock or self.sock)
        return s

    def send(self, s, method, path):
        """One request; status line and JSON of its answer."""
        s.sendall(("%s %s HTTP/1.1\r\nHost: rig\r\nIf-Match: *\r\n\r\n"
                   % (method, path)).encode())
        text = b""
        while b"\r\n\r\n" not in text or len(text.split(b"\r\n\r\n", 1)[1]) < int(
                re.search(rb"Content-Length: (\d+)", text).group(1)):
            more = s.recv(65536)
            if not more:
                raise ConnectionError("no answer")
            text += more
        return int(text.split()[1]), json.loads(text.split(b"\r\n\r\n", 1)[1])

    def ask(self, verb):
        """status or counters; of a reload its outcome."""
        with self.connect() as s:
            if verb != "reload":
                return self.send(s, "GET", "/v1/" + verb)[1]
            status, job = self.send(s, "POST", "/v1/policy/reload")
            self.check(status == 202, "the reload is answered with %d" % status)
            while job["state"] != "done":
                job = self.send(s, "GET", "/v1/jobs/%d?wait=10" % job["id"])[1]
            return job["outcome"]

    def stored(self):
        """Generation and SHA-256 of what the NIC has stored, (0, "") without."""
        try:
            with open(self.store, "rb") as f:
                p = f.read()
        except FileNotFoundError:
            return 0, ""
        sha = p[24:56].hex()
        self.check(hashlib.sha256(p[64:]).hexdigest() == sha, "the NIC's store is damaged")
        return struct.unpack_from("<I", p, 8)[0], sha

    def policy_put(self, which):
        with open(self.path("new.pol"), "w", encoding="ascii") as f:
            f.write(self.texts[which])
        os.rename(self.path("new.pol"), self.policy + "/payments.pol")

    def learn(self):
        """Loads A, then B: their SHA-256. B is enforced, the daemon runs."""
        self.nic_start()
        self.policy_put("A")
        self.daemon_start()
        self.daemon_ready()
        self.sha["A"] = self.ask("status")["sha256"]
        self.policy_put("B")
        self.check(self.ask("reload")["changed"], "B changes nothing")
        self.sha["B"] = self.ask("status")["sha256"]
        self.check(self.sha["A"] != self.sha["B"], "A and B are the same")

    def state_names(self):
        return sorted(os.listdir(self.state))

    def converged(self, which):
        """The daemon has started anew: by what the NIC held, no or one upload; all is well.

        What a killed daemon had committed the NIC may still be storing: its file may be there
        before it is enforced, and it may be enforced only after the attachment."""
        gen, sha = self.held
        m = self.daemon_ready()
        up = self.logged(r"nic-up .*generation=(\d+)")
        self.check(up is not None, "the NIC did not come up")
        up, last, changed = int(up.group(1)), int(m.group(1)), m.group(2) == "yes"
        said = "stored %d, read %d, then %d, changed: %s" % (gen, up, last, changed)
        if changed:
            self.check(sha != self.sha[which] and up <= gen < last, "uploaded again: " + said)
        else:
            self.check(last >= max(gen, up), "went back: " + said)
            self.check(sha != self.sha[which] or up != gen or last == gen, "moved on: " + said)
        s = self.ask("status")
        self.check(s["sha256"] == self.sha[which] and s["generation"] == last,
                   "not converged: %s" % s)
        self.check(s["state"]["alarm"] == "", "an alarm: " + s["state"]["alarm"])
        names = self.state_names()
        self.check("gen-%d" % last in names and len(names) <= 3 and
                   all(re.fullmatch(r"lock|gen-\d+", n) for n in names),
                   "the state holds %s" % names)
        return "in flight" if up != gen or (last > up and not changed) else "settled"

    def killed_check(self, old, new):
        """Between a kill and the next start: the NIC has old or new, whole."""
        self.check(self.nic.poll() is None, "the NIC has ended")
        self.held = self.stored()
        self.check(self.held[1] in (self.sha[old], self.sha[new]),
                   "neither old nor new: %s" % (self.held,))
        return "old" if self.held[1] == self.sha[old] else "new"

    def verdicts(self):
        """A NIC that starts with what the one before stored judges the capture: passed."""
        self.nic.terminate()
        self.check(self.nic.wait(WAIT_S) == 0, "the NIC ended with an error")
        self.nic_start()
        def packets():
            r = subprocess.run([self.path_tool("nic_tool"), "status", self.nic_sock],
                               capture_output=True, text=True, check=False)
            v = dict(line.split("=") for line in r.stdout.split())
            return v if int(v.get("packets", 0)) == 14 else None
        return int(self.wait("the replay", packets)["passed"])

    @staticmethod
    def path_tool(name):
        return os.environ["BUILD"] + "/tools/" + name

    # --- strace ---

    def strace(self, *options, pid=None):
        """Attached to the daemon's main process, and to it alone."""
        p = subprocess.Popen(["strace", "-p", str(pid or self.daemon.pid)] + list(options),
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        self.check(select.select([p.stderr], [], [], WAIT_S)[0], "strace says nothing")
        text = os.read(p.stderr.fileno(), 4096)
        self.check(b"attached" in text, "strace: %r" % text)
        return p

    @staticmethod
    def strace_end(p):
        p.terminate()
        p.wait(WAIT_S)
        p.stderr.close()
