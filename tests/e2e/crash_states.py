# SPDX-License-Identifier: Apache-2.0
"""Every directory that a power cut could leave, opened by the real readers: old or new.

The daemon and the software NIC run under strace; what they did to files is replayed on a model of
a disk that keeps no more than it must:
  - bytes of a file are on the disk after fsync of it; before that any of: none, a prefix of blocks,
    all but one block (a hole of zeros), half a block, the whole length as zeros, all;
  - a name made, moved or removed is on the disk after fsync of its directory; before that any
    subset of them, in any order of their arrival;
  - a directory itself likewise, in the directory above.
At each cut, that is after each call, every such state is written out once and read.
Wanted: no alarm, and the newest generation is not older than one whose save had returned.
Planted faults, in the record and not in the product: without fsync of files, without fsync of
directories, with the rename before the fsync. Each must show corrupt states.
"""
import hashlib
import itertools
import os
import re
import shutil
import subprocess

from agent_rig import FULL, Rig, need_strace

BLOCK = 4096
NAMES_MAX = 6		# pending changes of names of which every subset is tried
CALLS = "open,openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat," \
    "close,ftruncate,mkdir,mkdirat,link,linkat"


def unescape(s):
    return bytes(int(x, 16) for x in s.split("\\x")[1:])


def parse(path, root):
    """The record as events on paths below root, in order; calls that failed are left out."""
    events, fds, cut = [], {}, {}
    with open(path, encoding="ascii") as f:
        for line in f:
            line = line.rstrip("\n")
            pid, text = line.split(None, 1) if line[0].isdigit() else ("", line)
            m = re.match(r"(.*) <unfinished \.\.\.>$", text)
            if m:
                cut[pid] = m.group(1)
                continue
            m = re.match(r"<\.\.\. \w+ resumed>(.*)$", text)
            if m:
                text = cut.pop(pid) + m.group(1)
            m = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", text)
            if m is None or int(m.group(3)) < 0:
                continue
            call, args, ret = m.group(1), m.group(2), int(m.group(3))
            strings = [unescape(x) for x in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', args)]
            if '"...' in args:
                raise ValueError("strace cut a string")
            paths = [os.path.normpath(x.decode()) for x in strings] if call not in (
                "write", "pwrite64") else []
            inside = bool(paths) and all(p == root or p.startswith(root + "/") or
                                         p == os.path.dirname(root) for p in paths)
            first = args.split(",")[0]
            if call in ("open", "openat"):
                if inside:
                    fds[ret] = paths[0]
                    if "O_CREAT" in args:
                        events.append(("create", paths[0]))
                else:
                    fds.pop(ret, None)
            elif call == "close":
                fds.pop(int(first), None)
            elif call in ("write", "pwrite64", "fsync", "fdatasync", "ftruncate"):
                at = fds.get(int(first))
                if at is None:
                    continue
                if call == "write":
                    events.append(("write", at, strings[0][:ret]))
                elif call in ("fsync", "fdatasync"):
                    events.append(("fsync", at))
                else:
                    raise ValueError("not modelled: " + text[:80])
            elif inside:
                kind = re.sub(r"(at|at2)$", "", call)
                if kind != "mkdir" or paths[0] == root:
                    events.append((kind,) + tuple(paths))
                if kind == "rename":
                    for fd, p in list(fds.items()):
                        fds[fd] = paths[1] if p == paths[0] else p
    return events


class Disk:
    """durable: names to files; pending: changes of names; a file: what is synced, what not."""

    def __init__(self, root):
        self.root = root
        self.durable = {}
        self.now = {}
        self.pending = []		# (directory, path, file or None)

    def name(self, path, file):
        self.now[path] = file
        if file is None:
            del self.now[path]
        self.pending.append((os.path.dirname(path), path, file))

    def apply(self, e):
        kind, path = e[0], e[1]
        if kind == "create":
            if path not in self.now:
                self.name(path, {"synced": b"", "bytes": b""})
        elif kind == "mkdir":
            self.name(path, "directory")
        elif kind == "write":
            self.now[path]["bytes"] += e[2]
        elif kind == "rename":
            file = self.now[path]
            del self.now[path]
            self.now[e[2]] = file
            self.pending.append((os.path.dirname(path), (path, e[2]), file))
        elif kind == "link":
            self.name(e[2], self.now[path])
        elif kind == "unlink":
            self.name(path, None)
        elif kind == "fsync" and isinstance(self.now.get(path), dict):
            self.now[path]["synced"] = self.now[path]["bytes"]
        elif kind == "fsync":
            for d, p, file in self.pending:
                if d == path:
                    self.change(self.durable, p, file)
            self.pending = [x for x in self.pending if x[0] != path]

    @staticmethod
    def change(names, path, file):
        if isinstance(path, tuple):
            names.pop(path[0], None)
            path = path[1]
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file

    @staticmethod
    def contents(file):
        """What a file may hold after the cut."""
        old, new = file["synced"], file["bytes"]
        if old == new:
            return [new]
        out = [old, new, old + bytes(len(new) - len(old))]
        for at in range(len(old), len(new), BLOCK):
            end = min(at + BLOCK, len(new))
            out += [new[:end], new[:(at + end) // 2],
                    new[:at] + bytes(end - at) + new[end:]]
        return list(dict.fromkeys(out))

    def states(self):
        """Every state: a dict of paths to bytes, or None for a directory."""
        n = len(self.pending)
        if n <= NAMES_MAX:
            subsets = itertools.product((False, True), repeat=n)
        else:			# all in order, and all but one
            subsets = [[i < k for i in range(n)] for k in range(n + 1)] + \
                [[i != k for i in range(n)] for k in range(n)]
        for subset in subsets:
            names = dict(self.durable)
            for keep, (_, p, file) in zip(subset, self.pending):
                if keep:
                    self.change(names, p, file)
            names = {p: f for p, f in names.items() if p == self.root or
                     self.root not in self.now or names.get(self.root) is not None}
            files = {p: f for p, f in names.items() if f != "directory"}
            dirty = {}
            for f in files.values():
                if f["synced"] != f["bytes"]:
                    dirty[id(f)] = f
            # One file in all its ways, the others old or new.
            for others in ("synced", "bytes"):
                of = {i: f[others] for i, f in dirty.items()}
                for i, f in dirty.items():
                    for content in self.contents(f):
                        of[i] = content
                        yield {p: of.get(id(f), f["bytes"]) for p, f in files.items()}
                    of[i] = f[others]
                if not dirty:
                    yield {p: f["bytes"] for p, f in files.items()}
                    break


def acks(events, newest):
    """Where a save had returned: after the fsync of a directory that follows a rename to a
    generation; newest(path, bytes) is the generation that a file is, else 0."""
    out, disk, waits = [], Disk(""), 0
    for e in events:
        disk.apply(e)
        out.append(e)
        if e[0] == "rename":
            waits = newest(e[2], disk.now[e[2]]["bytes"]) or waits
        elif e[0] == "fsync" and not isinstance(disk.now.get(e[1]), dict) and waits:
            out.append(("ack", waits))
            waits = 0
    return out


def explore(rig, kind, events, root, target, planted=False):
    """Distinct states, those that are corrupt, and an example of one. Of a planted fault the
    first corrupt ones are enough."""
    disk, acked, seen, todo = Disk(root), 0, set(), []
    for e in events:
        if e[0] == "ack":
            acked = e[1]
        else:
            disk.apply(e)
        for files in disk.states():
            h = hashlib.sha256(repr(acked).encode())
            for p in sorted(files):
                h.update(p.encode() + b"\0" + hashlib.sha256(files[p]).digest())
            if h.digest() not in seen:
                seen.add(h.digest())
                todo.append((acked, files, e))
    bad, example = 0, ""
    for at in range(0, len(todo), 200):
        part = todo[at:at + 200]
        if planted and bad and not FULL:
            return at, bad, example
        where = rig.path("cut")
        shutil.rmtree(where, ignore_errors=True)
        paths = []
        for i, (_, files, _) in enumerate(part):
            os.makedirs("%s/%d" % (where, i), 0o700)
            paths.append("%s/%d/%s" % (where, i, target))
            for p, content in files.items():
                with open("%s/%d/%s" % (where, i, os.path.relpath(p, root)), "wb",
                          opener=lambda p, f: os.open(p, f, 0o600)) as f:
                    f.write(content)
        r = subprocess.run([rig.path_tool("state_read"), kind] + paths, capture_output=True,
                           text=True, check=False)
        lines = r.stdout.splitlines()
        rig.check(r.returncode == 0 and len(lines) == len(part), "state_read: " + r.stderr[-300:])
        for line, (acked, files, e) in zip(lines, part):
            gen, _, alarm = line.split(" ", 2)
            if int(gen) < acked or alarm != "":
                bad += 1
                example = example or "after %s %s: %d saved, %s read, %s" % (
                    e[0], os.path.basename(str(e[1])), acked, gen, alarm)
    shutil.rmtree(rig.path("cut"), ignore_errors=True)
    return len(todo), bad, example


def is_dir(e, events):
    return not any(x[0] == "create" and x[1] == e[1] for x in events)


def rename_first(events):
    """The fsync of a file comes after it was moved to its name."""
    out, held = [], None
    for e in events:
        if e[0] == "fsync" and not is_dir(e, events):
            held = e
            continue
        out.append(e)
        if e[0] == "rename" and held is not None and e[1] == held[1]:
            out.append(("fsync", e[2]))
            held = None
    return out


def judge(rig, what, kind, events, root, target):
    count, bad, example = explore(rig, kind, events, root, target)
    print("%s: %d calls, %d states, %d corrupt" % (what, len(events), count, bad))
    rig.check(bad == 0, what + ": " + example)
    planted = {
        "no fsync of files": [e for e in events if e[0] != "fsync" or is_dir(e, events)],
        "no fsync of directories": [e for e in events if e[0] != "fsync" or
                                    not is_dir(e, events)],
        "rename before fsync": rename_first(events)}
    for name, other in planted.items():
        count, bad, example = explore(rig, kind, other, root, target, planted=True)
        print("  planted: %s: %d states, %d corrupt (%s)" % (name, count, bad, example))
        rig.check(bad > 0, "%s: the planted fault is not seen: %s" % (what, name))


def state_generation(path, _):
    m = re.fullmatch(r"gen-(\d+)", os.path.basename(path))
    return int(m.group(1)) if m else 0


def store_generation(path, content):
    return int.from_bytes(content[8:12], "little") if os.path.basename(path) == "store" else 0


def ended(path):
    with open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - 200))
        return b"+++ exited with 0 +++" in f.read().splitlines()[-1]


def main():
    need_strace()
    rig = Rig()
    os.mkdir(rig.path("nicdir"), 0o700)
    rig.store = rig.path("nicdir") + "/store"
    rig.state = rig.path("deep") + "/state"
    strace = ["strace", "-D", "-xx", "-s", "10000000", "-e", "trace=" + CALLS, "-e", "signal=none"]
    rig.nic_start(strace + ["-f", "--seccomp-bpf", "-o", rig.path("nic.trace")])
    rig.policy_put("A")
    rig.daemon_start(strace + ["-o", rig.path("d.trace")])
    rig.daemon_ready()
    for which in "BABAB" if FULL else "BAB":
        rig.policy_put(which)
        rig.check(rig.ask("reload")["changed"], "the reload changed nothing")
    rig.check(not rig.ask("reload")["changed"], "the same policy changed something")
    rig.stop()
    for name in ("d.trace", "nic.trace"):
        rig.wait("the end of " + name, lambda n=name: ended(rig.path(n)))

    root = os.path.normpath(rig.state)
    events = [e for e in parse(rig.path("d.trace"), root) if os.path.basename(e[1]) != "lock"]
    judge(rig, "daemon's state", "state", acks(events, state_generation), root, ".")
    root = os.path.normpath(rig.path("nicdir"))
    events = [e for e in parse(rig.path("nic.trace"), root) if not e[1].endswith(".lock")]
    judge(rig, "NIC's store", "store", acks(events, store_generation), root, "store")


main()
