# SPDX-License-Identifier: Apache-2.0
"""Faults of the disk under the daemon's state: the save fails, the old state stays, status says so,
and the new policy is enforced all the same. Then files damaged at their bytes, and a full and a
read-only file system where a mount namespace can be had (SMALL names it)."""
import os
import re
import shutil
import signal
import subprocess
import sys

from agent_rig import FULL, Rig, need_strace

# What is injected into which call on which file: N is the new generation's number. The alarm, or
# None where nothing can be seen before the next start.
FAULTS = [("/^open(at)?$", "gen-N.new", e, "cannot create")
          for e in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "EACCES")] + \
    [("write", "gen-N.new", e, "cannot write") for e in ("ENOSPC", "EDQUOT", "EIO", "EFBIG")] + \
    [("write", "gen-N.new", "=0", "cannot write"), ("write", "gen-N.new", "=100", None)] + \
    [("fsync", "gen-N.new", e, "cannot sync") for e in ("EIO", "ENOSPC", "EDQUOT", "EROFS")] + \
    [("close", "gen-N.new", e, "cannot close") for e in ("EIO", "ENOSPC", "EDQUOT")] + \
    [("/^rename", "gen-N.new", e, "cannot rename") for e in ("EIO", "ENOSPC", "EDQUOT", "EROFS")] + \
    [("/^open(at)?$", "", e, "cannot open") for e in ("EIO", "EMFILE")] + \
    [("fsync", "", e, "cannot sync") for e in ("EIO", "ENOSPC", "EROFS")]


def good_files(rig):
    """Generations' files, by name, but the newest's, which is being written."""
    out = {}
    for name in rig.state_names():
        if re.fullmatch(r"gen-\d+", name):
            with open(rig.state + "/" + name, "rb") as f:
                out[name] = f.read()
    return out


def read_copy(rig):
    """What a start would read, from a copy."""
    to = rig.path("copy")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(rig.state, to)
    r = subprocess.run([rig.path_tool("state_read"), "state", to], capture_output=True, text=True,
                       check=False)
    rig.check(r.returncode == 0, "state_read: " + r.stderr)
    gen, sha, alarm = r.stdout.rstrip("\n").split(" ", 2)
    return int(gen), sha, alarm


def flip(rig, which):
    return "B" if which == "A" else "A"


def injected(rig, which, fault):
    """One reload with one fault, one without."""
    call, name, error, words = fault
    what = " ".join(str(x) for x in fault)
    before = rig.ask("status")["generation"]
    files = good_files(rig)
    number = before + 1
    path = (rig.state + "/" + name).rstrip("/").replace("gen-N", "gen-%d" % number)
    trace = rig.path("fault.trace")
    how = "retval" + error if error[0] == "=" else "error=" + error
    when = "1" if error == "=100" else "1+"
    s = rig.strace("-o", trace, "-P", path, "-e", "inject=%s:%s:when=%s" % (call, how, when))
    rig.policy_put(which)
    a = rig.ask("reload")
    rig.strace_end(s)
    with open(trace, encoding="utf-8", errors="replace") as f:
        text = f.read()
    rig.check("(INJECTED)" in text, "%s: nothing was injected:\n%s" % (what, text))
    rig.check(a["ok"] and a["generation"] == number, "%s: not enforced: %s" % (what, a))
    status = rig.ask("status")
    rig.check(status["sha256"] == rig.sha[which] and rig.stored()[1] == rig.sha[which],
              what + ": not enforced")
    alarm = status["state"]["alarm"]
    if call == "fsync" and error == "EIO":
        rig.check(text.count("fsync(") == 1, what + ": fsync was tried again:\n" + text)
        rig.check(name == "" or "rename" not in text, what + ": renamed all the same")
    if words is None:
        lying(rig, number, which)
        return
    rig.check("cannot be saved" in alarm and words in alarm, "%s: alarm: %r" % (what, alarm))
    now = good_files(rig)
    rig.check(all(now.get(n) == b for n, b in list(files.items())[-1:]), what + ": the old is gone")
    gen, _, alarm = read_copy(rig)
    rig.check(gen in (before, number) and alarm == "", "%s: reads as %d %s" % (what, gen, alarm))
    rig.check(rig.ask("reload")["ok"], what + ": reload without the fault")
    rig.check(rig.ask("status")["state"]["alarm"] == "" and read_copy(rig)[0] == number,
              what + ": not saved when it could be")


def lying(rig, number, which):
    """A write that was said to be done: seen at the next start, and mended by it."""
    gen, _, alarm = read_copy(rig)
    rig.check(gen == number - 1 and "gen-%d.bad" % number in alarm,
              "a lying write: %d %s" % (gen, alarm))
    rig.kill()
    rig.daemon_start()
    m = rig.daemon_ready()
    status = rig.ask("status")
    rig.check(m.group(2) == "no" and status["sha256"] == rig.sha[which] and
              "gen-%d.bad" % number in status["state"]["alarm"],
              "after a lying write: %s" % status)
    rig.check(read_copy(rig)[0] == number, "the lying write was not mended")
    os.unlink(rig.state + "/gen-%d.bad" % number)
    rig.kill()
    rig.daemon_start()
    rig.daemon_ready()


def start_faults(rig, which):
    """A start that cannot read its newest file, or cannot remove a leftover."""
    number = rig.ask("status")["generation"]
    for call, error in (("read", "EIO"), ("/^open(at)?$", "EIO"), ("fstat", "EIO")):
        rig.kill()
        with open(rig.state + "/gen-%d.new" % (number + 5), "w", encoding="ascii") as f:
            f.write("left")
        rig.daemon_start(["strace", "-D", "-o", rig.path("start.trace"), "-P",
                          rig.state + "/gen-%d" % number, "-e",
                          "inject=%s:error=%s:when=1" % (call, error)])
        m = rig.daemon_ready()
        s = rig.ask("status")
        rig.check(m.group(2) == "no" and s["sha256"] == rig.sha[which] and
                  "gen-%d.bad" % number in s["state"]["alarm"], "%s at start: %s" % (call, s))
        rig.check("gen-%d.new" % (number + 5) not in rig.state_names(), "the leftover stayed")
        rig.check(read_copy(rig)[0] == number, "not written again")


def damaged(rig):
    """The newest file with each byte changed (a share of them by default): never taken."""
    rig.kill(signal.SIGTERM)
    names = sorted((n for n in rig.state_names() if re.fullmatch(r"gen-\d+", n)),
                   key=lambda n: int(n[4:]))
    rig.check(len(names) == 2, "two generations are not there: %s" % names)
    old, new = (int(n[4:]) for n in names)
    with open(rig.state + "/" + names[1], "rb") as f:
        good = f.read()
    offsets = list(range(len(good))) if FULL else \
        list(range(64)) + list(range(64, len(good), max(1, len(good) // 500)))
    cases = [good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1:] for at in offsets]
    cases += [good[:at] for at in (0, 1, 63, 64, len(good) // 2, len(good) - 1)]
    cases += [good + b"\0", bytes(len(good)), good[:64] + bytes(len(good) - 64)]
    top = rig.path("cut")
    for at in range(0, len(cases), 500):
        part = cases[at:at + 500]
        shutil.rmtree(top, ignore_errors=True)
        for i, content in enumerate(part):
            to = "%s/%d" % (top, i)
            os.makedirs(to, 0o700)
            os.link(rig.state + "/" + names[0], to + "/" + names[0])
            with open(to + "/" + names[1], "wb", opener=lambda p, f: os.open(p, f, 0o600)) as f:
                f.write(content)
        r = subprocess.run([rig.path_tool("state_read"), "state"] +
                           ["%s/%d" % (top, i) for i in range(len(part))],
                           capture_output=True, text=True, check=False)
        lines = r.stdout.splitlines()
        rig.check(r.returncode == 0 and len(lines) == len(part), "state_read: " + r.stderr[-200:])
        for i, line in enumerate(lines):
            gen, _, alarm = line.split(" ", 2)
            rig.check(int(gen) == old and "set aside as gen-%d.bad" % new in alarm and
                      os.path.exists("%s/%d/gen-%d.bad" % (top, i, new)),
                      "case %d was taken: %s" % (at + i, line))
    shutil.rmtree(top)
    print("%d damaged files" % len(cases))


def small_disk(where):
    """A file system of 64 KiB that is full, then read-only."""
    rig = Rig(state=where + "/state")
    rig.learn()
    kept = good_files(rig)
    filler = where + "/filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(bytes(1024)) == 1024:
                pass
        except OSError:
            pass
    which = "B"
    for _ in range(5):
        which = flip(rig, which)
        rig.policy_put(which)
        a = rig.ask("reload")
        s = rig.ask("status")
        rig.check(a["ok"] and a["changed"] and s["sha256"] == rig.sha[which], "full: %s" % a)
        rig.check("No space left" in s["state"]["alarm"], "full: " + s["state"]["alarm"])
        rig.check(good_files(rig) == kept, "full: the files changed")
    rig.kill()
    rig.daemon_start()
    m = rig.daemon_ready()
    s = rig.ask("status")
    rig.check(m.group(2) == "no" and s["sha256"] == rig.sha[which] and
              "No space left" in s["state"]["alarm"], "full, at the start: %s" % s)
    os.unlink(filler)
    rig.check(rig.ask("reload")["ok"] and rig.ask("status")["state"]["alarm"] == "",
              "not saved when there was room")

    def remount(how):
        subprocess.run(["mount", "-o", "remount," + how, where], check=True)
    rig.kill()		# an open file for writing would keep it writable
    remount("ro")
    which = flip(rig, which)
    rig.policy_put(which)
    rig.daemon_start()
    rig.daemon_ready()
    s = rig.ask("status")
    rig.check(s["sha256"] == rig.sha[which] and "Read-only" in s["state"]["alarm"],
              "read-only: %s" % s)
    remount("rw")
    rig.check(rig.ask("reload")["ok"] and rig.ask("status")["state"]["alarm"] == "",
              "not saved when it could be written")
    rig.stop()
    print("a full disk, a read-only one")


def main():
    if len(sys.argv) > 1:
        small_disk(sys.argv[1])
        return
    need_strace()
    rig = Rig(sandbox=False)
    rig.learn()
    which = "B"
    for fault in FAULTS:
        which = flip(rig, which)
        injected(rig, which, fault)
    print("%d faults of calls" % len(FAULTS))
    start_faults(rig, which)
    damaged(rig)
    rig.stop()


main()
