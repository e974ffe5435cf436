# SPDX-License-Identifier: Apache-2.0
"""Children killed and stopped during a reload, a storm of reloads, two daemons for one of a thing."""
import collections
import os
import random
import signal
import subprocess
import sys
import threading
import time

from agent_rig import FULL, WAIT_S, Rig

CHILD_KILLS = 200 if FULL else 30
STORM_S = 3
STORM_PER_S = 100
SOCKETS = 4


def workers(rig, *names):
    """Pids of the daemon's children of these roles."""
    out = []
    try:
        with open("/proc/%d/task/%d/children" % (rig.daemon.pid, rig.daemon.pid),
                  encoding="ascii") as f:
            pids = f.read().split()
    except FileNotFoundError:
        rig.fail("no /proc/PID/task/TID/children here")
    for pid in pids:
        try:
            with open("/proc/" + pid + "/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[1].decode() in ["@" + n for n in names]:
            out.append(int(pid))
    return out


def end(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return False
    return True


def children_killed(rig):
    """compile and build die at random times of a reload: it is refused, or was done."""
    rnd, counts = random.Random(1), collections.Counter()
    which = "B"
    for i in range(CHILD_KILLS):
        before = rig.ask("status")["generation"]
        want = "B" if which == "A" else "A"
        rig.policy_put(want)
        mark = len(rig.log())
        rig.daemon.send_signal(signal.SIGHUP)
        role = "compile" if i % 2 == 0 else "build"
        found = []

        def child():
            found[:] = workers(rig, role)
            return found or rig.logged("reload-(done|refused)", mark)
        rig.wait("a child", child, every=0.0002)
        time.sleep(rnd.uniform(0, 0.003))
        hit = any([end(p, signal.SIGKILL) for p in found])
        m = rig.wait("an outcome", lambda: rig.logged("reload-(done|refused)", mark))
        s = rig.ask("status")
        if m.group(1) == "done":
            rig.check(s["generation"] > before and s["sha256"] == rig.sha[want], "not enforced")
            which = want
        else:
            rig.check(hit and s["generation"] == before and s["sha256"] == rig.sha[which],
                      "refused, and something changed: %s" % s)
            rig.check(s["policy"]["errors"] > 0, "refused without a message: %s" % s["policy"])
        counts[role + " " + m.group(1)] += 1
    rig.check(rig.daemon.poll() is None, "the daemon died of its children")
    rig.policy_put("A")
    rig.check(rig.ask("reload")["ok"] and rig.ask("status")["sha256"] == rig.sha["A"],
              "no reload after children's deaths")
    rig.check(counts["compile refused"] and counts["build refused"], "no kill was in time: %s" % dict(counts))
    print("%d children killed: %s" % (CHILD_KILLS, dict(counts)))


def child_stopped(rig):
    """A child that stands still is seen within 2 s, and ended; meanwhile the daemon answers."""
    rig.policy_put("B")
    before = rig.ask("status")
    for _ in range(50):
        mark = len(rig.log())
        rig.daemon.send_signal(signal.SIGHUP)
        found = []

        def child():
            found[:] = workers(rig, "compile")
            return found or rig.logged("reload-(done|refused)", mark)
        rig.wait("a child", child, every=0.0002)
        if found and end(found[0], signal.SIGSTOP) and workers(rig, "compile") == found:
            break
        rig.wait("an outcome", lambda: rig.logged("reload-(done|refused)", mark))
        rig.policy_put("A" if rig.ask("status")["sha256"] == rig.sha["B"] else "B")
        before = rig.ask("status")
    begin = time.monotonic()
    worst = 0.0
    while not rig.logged("reload-(done|refused)", mark):
        rig.check(time.monotonic() - begin < WAIT_S, "the stopped child was waited for")
        at = time.monotonic()
        s = rig.ask("status")
        worst = max(worst, time.monotonic() - at)
        time.sleep(0.05)
    took = time.monotonic() - begin
    s = rig.ask("status")
    rig.check(rig.logged("reload-(done|refused)", mark).group(1) == "refused" and
              s["generation"] == before["generation"], "a stopped child's reload: %s" % s)
    rig.check(not workers(rig, "compile", "build"), "the stopped child stayed")
    rig.check(took < 3, "ended after %.1f s" % took)
    rig.check("was stopped by a signal" in rig.log()[mark:], "it does not say why")
    print("a stopped child: ended after %.1f s, status in %.0f ms at worst" % (took, worst * 1000))


def storm(rig):
    """Signals and sockets at once: every request answered, the last text wins."""
    answers, errors, stop = collections.Counter(), [], threading.Event()

    def asks(n):
        due = time.monotonic()
        while not stop.is_set():
            due += SOCKETS / STORM_PER_S
            answers["asked"] += 1
            try:
                answers["ok" if rig.ask("reload")["ok"] else "refused"] += 1
            except (OSError, KeyError, TypeError, ValueError) as e:
                errors.append("%d: %r" % (n, e))
            time.sleep(max(0, due - time.monotonic()))

    threads = [threading.Thread(target=asks, args=(i,)) for i in range(SOCKETS)]
    mark = len(rig.log())
    for t in threads:
        t.start()
    sent, begin = 0, time.monotonic()
    while time.monotonic() - begin < STORM_S:
        rig.policy_put("AB"[sent % 2])
        rig.daemon.send_signal(signal.SIGHUP)
        sent += 1
        time.sleep(max(0, begin + sent / STORM_PER_S - time.monotonic()))
    rig.policy_put("A")
    stop.set()
    for t in threads:
        t.join(WAIT_S)
        rig.check(not t.is_alive(), "a request was not answered")
    rig.check(not errors, "answers: %s" % errors[:3])
    rig.check(answers["asked"] == answers["ok"], "answers: %s" % dict(answers))
    rig.check(rig.ask("reload")["ok"] and rig.ask("status")["sha256"] == rig.sha["A"],
              "the last does not win")
    done = rig.log()[mark:].count("reload-done")
    print("%d signals and %d requests in %d s, all answered, by %d reloads" %
          (sent, answers["asked"], STORM_S, done))


def answers(rig):
    try:
        return rig.ask("status")
    except (OSError, AttributeError, ValueError):
        return None


def channel_lost(rig):
    """The process of the control channel dies, then stands still: another takes its place."""
    before = rig.ask("status")
    worst = {}
    for sig, times in ((signal.SIGKILL, 3), (signal.SIGSEGV, 1), (signal.SIGSTOP, 1)):
        for _ in range(times):
            pid = rig.wait("the control channel", lambda: workers(rig, "ctl"))[0]
            begin = time.monotonic()
            end(pid, sig)
            rig.wait("another control channel", lambda p=pid: workers(rig, "ctl") not in ([], [p]))
            s = rig.wait("an answer", lambda: answers(rig))
            worst[sig.name] = max(worst.get(sig.name, 0), time.monotonic() - begin)
            rig.check(s["generation"] == before["generation"] and s["nic"]["state"] == "up" and
                      s["nic"]["attached"] == before["nic"]["attached"], "disturbed: %s" % s)
    rig.check(rig.ask("reload")["ok"], "no reload after that")
    rig.check(worst["SIGSTOP"] < 3, "stopped, and seen late: %s" % worst)
    print("control channel back after: " +
          ", ".join("%s %.1f s" % x for x in worst.items()))


def second(rig):
    """Exit 6, at once, and the first is not disturbed."""
    before = rig.ask("status")
    own = {"sock": rig.path("other.sock"), "state": rig.path("other"),
           "nic": rig.path("none.sock")}
    for shared in ("state", "sock", "nic"):
        argv = rig.daemon_argv(**{k: v for k, v in own.items() if k != shared})
        r = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
        rig.check(r.returncode == 6, "a second daemon, the same %s: exit %d, %s" %
                  (shared, r.returncode, r.stderr))
        rig.check("error" in r.stderr, "a second daemon says nothing")
        s = rig.ask("status")
        rig.check(s["generation"] == before["generation"] and s["nic"]["state"] == "up" and
                  s["nic"]["attached"] == before["nic"]["attached"], "disturbed: %s" % s)
    rig.check(rig.ask("reload")["ok"], "no reload after second daemons")
    print("second daemons refused: state, socket, NIC")


def main():
    rig = Rig()
    rig.learn()
    if len(sys.argv) > 1:
        {"storm": storm, "second": second, "killed": children_killed,
         "stopped": child_stopped, "channel": channel_lost}[sys.argv[1]](rig)
    else:
        second(rig)
        channel_lost(rig)
        children_killed(rig)
        storm(rig)
        child_stopped(rig)
    rig.kill(signal.SIGTERM)
    rig.stop()


main()
