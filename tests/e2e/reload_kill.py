# SPDX-License-Identifier: Apache-2.0
"""The daemon is killed at the system calls of a reload; then at random times of its start.

A kill before call i+1 of the record is the kill after call i: strace ends a process on the entry
of a call, which is then not made. The counts of a run differ a little from the record's (timers),
so a call may not come: the daemon is then killed after the reload.
"""
import collections
import random
import re
import signal
import sys
import time

from agent_rig import FULL, Rig, need_strace

POINTS = 100000 if FULL else 120
RANDOM = 2000 if FULL else 200
CHECK_EVERY = 10


def record(rig):
    """The calls of one reload, in order, as (name, nth of this name), and the state's span."""
    trace = rig.path("trace")
    mark = len(rig.log())
    s = rig.strace("-o", trace)
    rig.daemon.send_signal(signal.SIGHUP)
    rig.wait("a reload", lambda: rig.logged("reload-done", mark))
    rig.strace_end(s)
    nth = collections.Counter()
    calls, first = [], None
    with open(trace, encoding="utf-8", errors="replace") as f:
        for line in f:
            m = re.match(r"(\w+)\(", line)
            if m is None or m.group(1) in ("restart_syscall", "exit_group"):
                continue
            nth[m.group(1)] += 1
            calls.append((m.group(1), nth[m.group(1)]))
            if first is None and ".new" in line:
                first = len(calls) - 1
    rig.check(first is not None and ("fsync", 1) in calls, "the record shows no save")
    return calls, first


def choose(calls, first):
    """Everything from the save on, and a share of what is before; waits, whose number is the
    machine's load, with FULL only."""
    def wanted(part):
        return [c for c in part if FULL or c[0] not in ("epoll_pwait", "ppoll")]
    near, far = wanted(calls[first:]), wanted(calls[:first])
    room = max(0, POINTS - len(near))
    if room < len(far):
        step = len(far) / max(room, 1)
        far = [far[int(i * step)] for i in range(room)]
    if len(near) > POINTS:
        near = near[:POINTS]
    return far + near


def reload_killed(rig, call, n, old, new):
    mark = len(rig.log())
    rig.policy_put(new)
    s = rig.strace("-o", "/dev/null", "-e", "trace=" + call, "-e",
                   "inject=%s:error=EIO:signal=KILL:when=%d" % (call, n))
    rig.daemon.send_signal(signal.SIGHUP)
    rig.wait("a kill or an outcome", lambda: rig.daemon.poll() is not None or
             rig.logged("reload-(done|refused)", mark))
    hit = rig.daemon.poll() is not None or s.poll() is not None
    rig.kill()
    rig.strace_end(s)
    return hit


def main():
    need_strace()
    rig = Rig()
    rig.learn()
    rig.policy_put("A")
    calls, first = record(rig)
    points = choose(calls, first)
    enforced, counts = "A", collections.Counter()
    start = time.monotonic()
    for call, n in points:
        old, new = enforced, "B" if enforced == "A" else "A"
        counts["reached" if reload_killed(rig, call, n, old, new) else "not reached"] += 1
        counts[rig.killed_check(old, new)] += 1
        rig.daemon_start()
        counts[rig.converged(new)] += 1
        enforced = new
    print("%d of %d calls: %s, %.0f s" % (len(points), len(calls), dict(counts),
                                          time.monotonic() - start))
    rig.check(counts["reached"] >= len(points) // 4 and counts["old"] and counts["new"],
              "kills were not where they should be")

    # Random times, in the start and its load; each tenth start is let be.
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time())
    rnd = random.Random(seed)
    counts.clear()
    took = 0.1
    start = time.monotonic()
    rig.kill()
    for i in range(RANDOM):
        which = rnd.choice("AB")
        rig.policy_put(which)
        rig.daemon_start()
        time.sleep(rnd.uniform(0, took))
        rig.kill()
        counts[rig.killed_check("A", "B")] += 1
        if i % CHECK_EVERY == 0:
            begin = time.monotonic()
            rig.daemon_start()
            counts[rig.converged(which)] += 1
            took = min(0.5, time.monotonic() - begin)
            rig.kill()
    rig.daemon_start()
    rig.converged(which)
    print("%d random kills (seed %d): %s, %.0f s" % (RANDOM, seed, dict(counts), time.monotonic() - start))

    passed = {}
    for which in "AB":
        rig.policy_put(which)
        rig.check(rig.ask("reload")["ok"], "reload of " + which)
        rig.kill(signal.SIGTERM)
        passed[which] = rig.verdicts()
        rig.daemon_start()
        rig.held = rig.stored()
        rig.converged(which)
    rig.check(passed["A"] == 10 and passed["B"] != passed["A"], "verdicts: %s" % passed)
    rig.stop()


main()
