# SPDX-License-Identifier: Apache-2.0
"""Random policies as text, and what judge must say of random frames by the manual alone.

usage: judge_oracle.py RINGFENCE DIR SEED TRIES FRAMES

Nothing here knows how the compiler or the firmware work: a policy is made twice, as text for them
and as sets and rules for Oracle, which follows ringfence-policy(5) word by word. Each hop of each
frame is compared: direction, local IP, verdict, reason, file and line. A failure names the seed,
the frame, and leaves the policy in DIR.
"""
import ipaddress
import json
import os
import random
import shutil
import struct
import subprocess
import sys

TCP, UDP, SCTP, ICMP, ICMP6 = 6, 17, 132, 1, 58
NAMED = {"tcp": TCP, "udp": UDP, "sctp": SCTP}
STAGES = ["guard", "infra", "app", "default"]
MODES = ["learn", "comply", "enforce"]          # from the mildest to the strictest
STATES = ["none", "flags", "flow"]              # from the weakest to the strongest
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
EXPLAINED = 4
BITS = {4: 32, 6: 128}
ICMP_NAMES = {"echo": (8, None), "echo-reply": (0, None), "unreachable": (3, None),
              "frag-needed": (3, 4), "port-unreachable": (3, 3), "time-exceeded": (11, None)}
ICMP6_NAMES = {"echo": (128, None), "echo-reply": (129, None), "unreachable": (1, None),
               "packet-too-big": (2, None), "no-route": (1, 0), "neighbour-solicit": (135, None)}
EXTENSIONS = {0, 43, 44, 50, 51, 60, 135, 139, 140, 253, 254}   # of IPv6: headers, no protocols
GUARD_TYPES = {130, 131, 132, 133, 134, 135, 136, 143}


# --- sets of addresses: {family: sorted, disjoint [(first, last)]} --------------------------------

def joined(ranges):
    out = []
    for lo, hi in sorted(ranges):
        if out and lo <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(hi, out[-1][1]))
        else:
            out.append((lo, hi))
    return out


def union(a, b):
    return {f: joined(a[f] + b[f]) for f in (4, 6)}


def minus(a, b):
    out = {}
    for f in (4, 6):
        left = list(a[f])
        for lo, hi in b[f]:
            left = [p for l, h in left
                    for p in ((l, min(h, lo - 1)), (max(l, hi + 1), h)) if p[0] <= p[1]]
        out[f] = joined(left)
    return out


def both(a, b):
    return minus(a, minus(a, b))


def has(s, family, value):
    return any(lo <= value <= hi for lo, hi in s[family])


def whole(*families):
    return {f: [(0, (1 << BITS[f]) - 1)] if f in families else [] for f in (4, 6)}


def text_of(family, value):
    return str(ipaddress.IPv4Address(value) if family == 4 else ipaddress.IPv6Address(value))


# --- a policy, twice ------------------------------------------------------------------------------

class Rule:
    def __init__(self, **kw):
        self.__dict__.update(kw)


class Policy:
    """Writes the text to self.files and fills self.segments."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.files = {}
        self.segments = []
        self.names = {"group": {}, "segment": {}, "list": {}}
        self.edges = {4: set(), 6: set()}
        self.ports = {0, 1, 80, 65535}
        self.protos = {TCP, UDP, SCTP, ICMP, ICMP6, 0, 47, 255}
        self.vlans = set()
        self.apps = {}
        self.defaults = {"unsegmented": "pass", "midstream": "pick-up", "fragments": "follow-first"}
        self.lines = []
        self.pools = {4: [0x0a140300, 0x0a090000, 0xc0a80000, 0x08080800],
                      6: [0xfd00 << 112, 0x20010db8 << 96]}
        self.write()

    def emit(self, text):
        """Adds text and returns the line that it begins on."""
        at = len(self.lines) + 1
        self.lines += text.split("\n")
        return at

    # sets

    def address(self, family):
        base = self.rnd.choice(self.pools[family])
        shift = self.rnd.choice([0, 0, 0, 8]) if family == 4 else self.rnd.choice([0, 0, 32, 64])
        return base + (self.rnd.randrange(40) << shift)

    def literal(self):
        family = self.rnd.choice([4, 4, 6])
        value = self.address(family)
        kind = self.rnd.randrange(4)
        last = value
        if kind == 0:
            out = text_of(family, value)
        elif kind == 1:
            last = value + self.rnd.choice([1, 3, 10, 200])
            out = text_of(family, value) + "-" + text_of(family, last)
        else:
            short = self.rnd.choice([0, 1, 2, 3, 4, 8, 8, 16, BITS[family] - 1, BITS[family]])
            value = value >> short << short
            last = value + (1 << short) - 1
            out = f"{text_of(family, value)}/{BITS[family] - short}"
        self.edges[family] |= {e for e in (value - 1, value, last, last + 1)
                               if 0 <= e < 1 << BITS[family]}
        return out, {family: [(value, last)], 10 - family: []}

    def literals(self, most):
        texts, total = [], {4: [], 6: []}
        for _ in range(self.rnd.randint(1, most)):
            text, s = self.literal()
            texts.append(text)
            total = union(total, s)
        return texts, total

    def set(self, depth=2):
        kind = self.rnd.randrange(10)
        if kind == 0:
            name = self.rnd.choice(["any", "any4", "any6"])
            return name, {"any": whole(4, 6), "any4": whole(4), "any6": whole(6)}[name]
        if kind <= 3 and depth > 0:
            (a, s), (b, t) = self.set(depth - 1), self.set(depth - 1)
            op = self.rnd.choice("+-&")
            return f"({a} {op} {b})", {"+": union, "-": minus, "&": both}[op](s, t)
        if kind <= 5:
            space = self.rnd.choice(["group", "list", "segment"])
            if self.names[space]:
                name = self.rnd.choice(sorted(self.names[space]))
                return f'{space} "{name}"', self.names[space][name]
        texts, s = self.literals(6)
        return "ip { " + ", ".join(f'"{t}"' for t in texts) + " }", s

    # services: (protocols or None, family or None, dst, src, type, code)

    def ranges(self, top, known):
        texts, out = [], []
        for _ in range(self.rnd.randint(1, 3)):
            lo = min(top, self.rnd.choice([0, 1, 22, 80, 443, top, self.rnd.randint(0, top)]))
            hi = min(top, lo + self.rnd.choice([0, 0, 0, 1, 7, 1000, top]))
            texts.append(str(lo) if lo == hi else f"{lo}-{hi}")
            out.append((lo, hi))
            known |= {e for e in (lo - 1, lo, hi, hi + 1) if 0 <= e <= top}
        return '"' + ",".join(texts) + '"', out

    def service(self, tcp_only=False):
        kind = self.rnd.randrange(4 if tcp_only else 10)
        if kind <= 5:
            word = "tcp" if tcp_only else self.rnd.choice(["tcp", "tcp", "udp", "sctp"])
            proto = {NAMED[word]}
            if kind == 0:
                return word + "()", (proto, None, None, None, None, None)
            text, dst = self.ranges(65535, self.ports)
            if kind != 1:
                return f"{word}({text})", (proto, None, dst, None, None, None)
            other, src = self.ranges(65535, self.ports)
            return (f"{word} {{ dst = {text}, src = {other} }}",
                    (proto, None, dst, src, None, None))
        if kind <= 7:
            six = self.rnd.random() < 0.5
            word, proto, family = ("icmp6", {ICMP6}, 6) if six else ("icmp", {ICMP}, 4)
            if self.rnd.random() < 0.5:
                name, (kind_of, code) = self.rnd.choice(
                    sorted((ICMP6_NAMES if six else ICMP_NAMES).items(), key=str))
                return f'{word} "{name}"', (proto, family, None, None, kind_of, code)
            kind_of, code = self.rnd.choice([0, 3, 8, 11, 128, 255]), self.rnd.choice([0, 4, 255])
            if self.rnd.random() < 0.5:
                return f"{word}({kind_of})", (proto, family, None, None, kind_of, None)
            return f"{word}({kind_of}, {code})", (proto, family, None, None, kind_of, code)
        if kind == 8:
            text, out = self.ranges(255, self.protos)
            return f"proto({text})", ({p for lo, hi in out for p in range(lo, hi + 1)},
                                      None, None, None, None, None)
        return "any", (None, None, None, None, None, None)

    def services(self):
        if self.apps and self.rnd.random() < 0.5:
            name = self.rnd.choice(sorted(self.apps))
            return f'app "{name}"', self.apps[name]
        out = [self.service() for _ in range(self.rnd.choice([1, 1, 2, 3]))]
        text = ", ".join(t for t, _ in out)
        return (text if len(out) == 1 else f"{{ {text} }}"), [(s, "flow") for _, s in out]

    # statements

    def define_names(self, prefix):
        for i in range(self.rnd.randint(0, 3)):
            name = f"{prefix}-g{i}"
            texts, s = self.literals(8)
            if self.rnd.random() < 0.3:
                text, s = self.set()
                if not s[4] and not s[6]:
                    text, s = '"192.0.2.1"', {4: [(0xc0000201, 0xc0000201)], 6: []}
                self.emit(f'group "{name}" {{ {text} }}')
            elif self.rnd.random() < 0.5:
                self.emit(f'list "{name}" {{ file = "{name}.txt" }}')
                self.files[f"{name}.txt"] = "# a list\r\n" + "\r\n".join(texts) + " ; end"
                self.names["list"][name] = s
                continue
            else:
                self.emit(f'group "{name}" {{ ' + ", ".join(f'"{t}"' for t in texts) + " }")
            self.names["group"][name] = s
        for i in range(self.rnd.randint(0, 3)):
            state = self.rnd.choice(STATES)
            out = [self.service(state == "flags") for _ in range(self.rnd.choice([1, 1, 2, 4]))]
            name = f"{prefix}-é{i}"
            self.emit(f'app "{name}" {{ {", ".join(t for t, _ in out)}, state = "{state}" }}')
            self.apps[name] = [(s, state) for _, s in out]

    def rule(self, segment, file):
        inbound, deny = self.rnd.random() < 0.5, self.rnd.random() < 0.4
        services, peer = self.services(), self.set()
        rule = Rule(dir="in" if inbound else "out", deny=deny, services=services[1], peer=peer[1],
                    vlan=None, mode=segment.mode, file=file, segment=segment)
        keys = [f"{'deny' if deny else 'allow'} = {services[0]}",
                f"{'from' if inbound else 'to'} = {peer[0]}"]
        if self.rnd.random() < 0.2:
            text, rule.vlan = self.ranges(4095, self.vlans)
            keys.append(f"vlan = {text}")
        if deny and self.rnd.random() < 0.3:
            rule.mode = self.rnd.choice(MODES)
            keys.append(f'mode = "{rule.mode}"')
        if self.rnd.random() < 0.2:
            keys.append("count = true")
        self.rnd.shuffle(keys)
        mark = self.rnd.choice([", ", ",\n    "])
        rule.line = self.emit(f"  {rule.dir}bound {{ {mark.join(keys)} }},")
        segment.rules.append(rule)

    def segment(self, name, file, stage):
        everyone = stage == "guard" and self.rnd.random() < 0.5
        s, texts = {4: [], 6: []}, []
        for _ in range(self.rnd.randint(1, 3)):
            family = self.rnd.choice([4, 4, 6])
            value = self.pools[family][0] + self.rnd.randrange(6)
            texts.append(text_of(family, value))
            s = union(s, {family: [(value, value)], 10 - family: []})
        seg = Rule(name=name, mode=self.rnd.choice(MODES + ["enforce"] * 2), file=file, stage=stage,
                   everyone=everyone, members=s, rules=[])
        members = '"all"' if everyone else "{ " + ", ".join(f'"{t}"' for t in texts) + " }"
        seg.line = self.emit(f'segment "{name}" {{\n  members = {members}, mode = "{seg.mode}",')
        for _ in range(self.rnd.choice([0, 1, 4, 12, 40])):
            self.rule(seg, file)
        self.emit("}")
        self.segments.append(seg)
        if not everyone:
            self.names["segment"][name] = s

    def write(self):
        names = self.rnd.sample(["a.pol", "a-b.pol", "é.pol", "Z.pol", "sub/a.pol", "zz.pol"],
                                self.rnd.randint(1, 4))
        for i, file in enumerate(names):
            self.lines = []
            stage = self.rnd.choice(["app", "app", "infra", "default", "guard"])
            self.emit(f'policy "p{i}" {{ stage = "{stage}" }}')
            self.define_names(f"n{i}")
            if i == 0 and self.rnd.random() < 0.7:
                self.defaults = {"unsegmented": self.rnd.choice(["pass", "drop"]),
                                 "midstream": self.rnd.choice(["pick-up", "drop"]),
                                 "fragments": self.rnd.choice(["follow-first", "drop"])}
                self.emit("defaults { " + ", ".join(
                    f'{k} = "{v}"' for k, v in self.defaults.items()) + " }")
            for j in range(self.rnd.choice([0, 1, 2, 2, 3])):
                self.segment(f"s{i}.{j}", file, stage)
            self.files[file] = self.rnd.choice(["\n", "\r\n"]).join(self.lines)
        if "sub/a.pol" in names:
            self.files["m.pol"] = 'include "sub/a.pol"'

    def save(self, where):
        shutil.rmtree(where, ignore_errors=True)
        for name, text in self.files.items():
            path = os.path.join(where, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(text.encode())


# --- the oracle -----------------------------------------------------------------------------------

class Packet:
    """kind and code are of ICMP; about is what an ICMP error quotes; vlan the outermost tag.
    piece is "first" or "rest" of the datagram of that number; headers are the options before."""

    def __init__(self, family, src, dst, proto, **kw):
        self.family, self.src, self.dst, self.proto = family, src, dst, proto
        self.sport = self.dport = self.flags = self.ident = 0
        self.kind = self.code = self.vlan = self.inner_vlan = self.about = None
        self.piece, self.number, self.headers = None, 0, 0
        self.__dict__.update(kw)

    def echo(self):
        return (self.family, self.proto, self.kind) in (
            (4, ICMP, 8), (4, ICMP, 0), (6, ICMP6, 128), (6, ICMP6, 129))

    def error(self):
        return self.about is not None and self.kind in (
            (3, 4, 11, 12) if self.family == 4 else (1, 2, 3, 4))

    def segment(self):
        return self.proto == TCP and not (self.flags & SYN and not self.flags & ACK)

    def ends(self):
        """Source and destination port, as flows know them."""
        if self.echo():
            return self.ident, self.ident
        if self.kind is not None:
            return 0, self.kind << 8 | self.code
        return self.sport, self.dport

    def key(self, direction):
        s, d = self.ends()
        if direction == "in":
            return (self.family, self.dst, self.src, self.proto, d, s)
        return (self.family, self.src, self.dst, self.proto, s, d)

    def reversed(self):
        return Packet(self.family, self.dst, self.src, self.proto, sport=self.dport,
                      dport=self.sport, flags=self.flags, vlan=self.vlan)


def multicast(family, value):
    return value >> 28 == 14 or value == 0xffffffff if family == 4 else value >> 120 == 255


def inside(ranges, value):
    return any(lo <= value <= hi for lo, hi in ranges)


def serves(service, p):
    protos, family, dst, src, kind, code = service
    if p.piece == "rest" and not all(r is None or (0, 65535) in r for r in (dst, src)):
        return False
    return ((protos is None or p.proto in protos) and (family is None or p.family == family) and
            (dst is None or inside(dst, p.dport)) and (src is None or inside(src, p.sport)) and
            (kind is None or p.kind == kind) and (code is None or p.code == code))


class Oracle:
    def __init__(self, policy):
        self.policy = policy
        self.flows = {}
        self.of_local = {}
        self.firsts = {}        # (datagram, end) -> what its first fragment got

    def is_local(self, family, value):
        return not multicast(family, value) and any(
            has(s.members, family, value) for s in self.policy.segments if not s.everyone)

    def segments_of(self, family, value):
        key = family, value
        if key not in self.of_local:
            self.of_local[key] = [s for s in self.policy.segments
                                  if s.everyone or has(s.members, family, value)]
        return self.of_local[key]

    def builtin(self, direction, p):
        """The guard file of the binary: its line, or None."""
        if p.proto == ICMP6 and p.family == 6 and (p.kind in GUARD_TYPES or p.kind == 2):
            return 32 if direction == "in" else 33
        if p.proto == ICMP and p.family == 4 and (p.kind, p.code) == (3, 4):
            return 32 if direction == "in" else 33
        pair = (p.sport, p.dport)
        if p.proto == UDP and direction == "in" and pair in ((67, 68), (547, 546)):
            return 32
        if p.proto == UDP and direction == "out" and pair in ((68, 67), (546, 547)):
            return 33
        return None

    def match(self, direction, segments, p):
        """The rule that decides among those of the segments, with its state; or None."""
        remote = p.src if direction == "in" else p.dst
        for stage in STAGES:
            found = []
            for seg in segments:
                for rule in seg.rules if seg.stage == stage else []:
                    if rule.dir != direction or not has(rule.peer, p.family, remote):
                        continue
                    if rule.vlan is not None and (p.vlan is None or not inside(rule.vlan, p.vlan)):
                        continue
                    states = [STATES.index(st) for s, st in rule.services if serves(s, p)]
                    if states:
                        found.append((rule, max(states)))
            line = self.builtin(direction, p) if stage == "guard" else None
            if line is not None:
                found.append((Rule(deny=False, file="<guard>", line=line, mode="enforce",
                                   segment=Rule(name="guard")), 0))
            if not found:
                continue
            denies = [(MODES.index(r.mode), r) for r, _ in found if r.deny]
            best = denies or [(state, r) for r, state in found]
            top = max(rank for rank, _ in best)
            rule = min((r for rank, r in best if rank == top),
                       key=lambda r: (r.file.encode(), r.line))
            return rule, None if denies else STATES[top]
        return None

    @staticmethod
    def soften(mode):
        return {"learn": "pass", "comply": "would-drop", "enforce": "drop"}[mode]

    def default(self, segments, reason):
        own = [s for s in segments if not s.everyone]
        top = max(MODES.index(s.mode) for s in own)
        seg = min((s for s in own if MODES.index(s.mode) == top),
                  key=lambda s: (s.file.encode(), s.line))
        return self.soften(MODES[top]), reason, seg.file, seg.line

    def refuse(self, segments, rule, reason):
        """Over the rule's head: the rule is named, and the mode is the segments'."""
        return self.default(segments, reason)[:2] + (rule.file, rule.line)

    def hop(self, direction, p):
        local = p.dst if direction == "in" else p.src
        segments = self.segments_of(p.family, local)
        datagram = (direction, p.family, p.src, p.dst, p.proto, p.vlan, p.number)
        if p.piece and self.policy.defaults["fragments"] == "drop":
            return self.default(segments, "fragment")
        if p.piece == "rest":
            if datagram not in self.firsts:
                return self.default(segments, "fragment")
            return self.firsts.pop(datagram)
        said = self.whole(direction, p, local, segments)
        if p.piece == "first":
            self.firsts[datagram] = said
        return said

    def whole(self, direction, p, local, segments):
        flow = self.flows.get(p.key(direction))
        if flow is None and p.error():
            other = p.about.key("out" if direction == "in" else "in")
            if other[1] == local:
                flow = self.flows.get(other)
        if flow is not None:
            return flow[0], "state", flow[1], flow[2]
        found = self.match(direction, segments, p)
        if found is None and p.segment():
            found = self.match("out" if direction == "in" else "in", segments, p.reversed())
            if found is not None and (found[1] is None or found[1] == "none"):
                found = None
        if found is None:
            return self.default(segments, "default")
        rule, state = found
        verdict = self.soften(rule.mode) if rule.deny else "pass"
        if rule.deny:
            opens = verdict != "drop" and not p.segment()
        else:
            opens = state == "flow"
            if opens and p.segment() and self.policy.defaults["midstream"] == "drop":
                return self.refuse(segments, rule, "midstream")
        if opens:
            self.flows[p.key(direction)] = (verdict, rule.file, rule.line)
        return verdict, "rule", rule.file, rule.line

    def judge(self, p, alone=False):
        """[(direction, local, verdict, reason, file, line)]; the frame's verdict and reason."""
        hops = []
        for direction, local in (("out", p.src), ("in", p.dst)):
            if alone:
                self.flows = {}
            if self.is_local(p.family, local) and not (hops and hops[0][2] == "drop"):
                hops.append((direction, text_of(p.family, local)) + self.hop(direction, p))
        for worst in ("drop", "would-drop"):
            for h in hops:
                if h[2] == worst:
                    return hops, (h[2], h[3])
        if hops:
            return hops, hops[-1][2:4]
        return hops, self.nobodys(p)

    def nobodys(self, p):
        """No local IP: the guard's rules for everyone, then what the defaults say."""
        everyone = [s for s in self.policy.segments if s.everyone]
        found = [self.match(d, everyone, p) for d in ("out", "in")]
        verdicts = [self.soften(f[0].mode) if f[0].deny else "pass" for f in found if f]
        for worst in ("drop", "would-drop", "pass"):
            if worst in verdicts:
                return worst, "rule"
        return self.policy.defaults["unsegmented"], "unsegmented"


# --- frames ---------------------------------------------------------------------------------------

def ip_bytes(family, value):
    return value.to_bytes(BITS[family] // 8, "big")


def payload(p):
    if p.proto == TCP:
        return struct.pack(">HHIIBBHHH", p.sport, p.dport, 1, 1, 5 << 4, p.flags, 1024, 0, 0)
    if p.proto == UDP:
        return struct.pack(">HHHH", p.sport, p.dport, 8 + 4, 0) + b"data"
    if p.proto == SCTP:
        return struct.pack(">HHII", p.sport, p.dport, 0, 0) + b"\x01\0\0\x04"
    if p.kind is not None:
        inner = packet(p.about, 60) if p.about else b""
        return struct.pack(">BBHHH", p.kind, p.code, 0, p.ident, 1) + inner + b"12345678"
    return b"12345678"


def packet(p, ttl):
    body = payload(p)
    src, dst = ip_bytes(p.family, p.src), ip_bytes(p.family, p.dst)
    place = 0
    if p.piece == "first":
        body, place = body + bytes(-len(body) % 8), 1
    elif p.piece == "rest":
        place, body = len(body) + 7 & ~7, b"the rest"
    if p.family == 4:
        options = bytes([1] * 4 * p.headers)
        bits = 0x2000 if place == 1 else place >> 3
        head = struct.pack(">BBHHHBBH", 0x45 + p.headers, 0, 20 + len(options) + len(body),
                           p.number, bits, ttl, p.proto, 0)
        return head + src + dst + options + body
    kinds = [0, 60, 60][:p.headers] + ([44] if place else []) + [p.proto]
    for kind, after in reversed(list(zip(kinds, kinds[1:]))):
        body = (struct.pack(">BBHI", after, 0, place, p.number) if kind == 44 else
                struct.pack(">BBBBI", after, 0, 1, 4, 0)) + body
    return struct.pack(">IHBB", 6 << 28, len(body), kinds[0], ttl) + src + dst + body


def frame(p):
    out = bytes.fromhex("02000000000102000000000a")
    if p.vlan is not None:
        out += struct.pack(">HH", 0x8100, p.vlan | 3 << 13)
    if p.inner_vlan is not None:
        out += struct.pack(">HH", 0x8100, p.inner_vlan)
    return out + struct.pack(">H", 0x0800 if p.family == 4 else 0x86dd) + packet(p, 64)


def capture(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, p in enumerate(packets):
            data = frame(p)
            f.write(struct.pack("<IIII", 1767225600 + i // 1000000, i % 1000000,
                                len(data), len(data)) + data)


class Traffic:
    """Packets at the edges of what the policy says; answers and repeats of earlier ones."""

    def __init__(self, rnd, policy):
        self.rnd, self.policy, self.sent = rnd, policy, []
        self.edges = {f: sorted(policy.edges[f]) or [1] for f in (4, 6)}
        self.locals = {f: [lo + i for s in policy.segments for lo, hi in s.members[f]
                           for i in range(min(hi - lo + 1, 8))] or self.edges[f] for f in (4, 6)}
        self.ports = sorted(policy.ports)
        self.protos = sorted(policy.protos)
        self.vlans = sorted(policy.vlans | {0, 4095})

    def fresh(self):
        rnd = self.rnd
        family = rnd.choice([4, 4, 6])
        a = rnd.choice(self.locals[family])
        b = rnd.choice(self.edges[family]) if rnd.random() < 0.8 else rnd.choice(
            self.locals[family])
        if rnd.random() < 0.05:
            a = rnd.choice(self.edges[family])
        if rnd.random() < 0.5:
            a, b = b, a
        proto = rnd.choice([TCP, TCP, TCP, UDP, UDP, SCTP, ICMP if family == 4 else ICMP6,
                            rnd.choice(self.protos)])
        if family == 6 and proto in EXTENSIONS:
            proto = 59
        p = Packet(family, a, b, proto)
        if proto in (TCP, UDP, SCTP):
            p.sport = rnd.choice(self.ports)
            p.dport = rnd.choice(self.ports)
        if proto == TCP:
            p.flags = rnd.choice([SYN, SYN, SYN, ACK, SYN | ACK, RST, FIN | ACK, 0, PSH | ACK,
                                  SYN | FIN, SYN | RST])
        if (family, proto) in ((4, ICMP), (6, ICMP6)):
            p.kind = rnd.choice([8, 0, 3, 11, 128, 129, 1, 2, 135, 255, 13])
            p.code = rnd.choice([0, 0, 3, 4, 255])
            p.ident = rnd.choice([1, 7, 65535])
        if rnd.random() < 0.4:
            p.vlan = rnd.choice(self.vlans)
        p.headers = rnd.choice([0, 0, 0, 1, 3])
        return p

    def next(self):
        rnd = self.rnd
        how = rnd.randrange(10) if self.sent else 9
        last = self.sent[-1] if self.sent else None
        if last is not None and last.piece == "first":
            p = Packet(last.family, last.src, last.dst, last.proto)
            p.__dict__.update(last.__dict__, piece="rest")
            if rnd.random() < 0.1:
                p.number += 1
            self.sent.append(p)
            return p
        if how <= 3:
            old = rnd.choice(self.sent[-40:])
            p = Packet(old.family, old.dst, old.src, old.proto, sport=old.dport, dport=old.sport,
                       flags=old.flags, kind=old.kind, code=old.code, ident=old.ident)
            if how <= 1:
                p = Packet(old.family, old.src, old.dst, old.proto, sport=old.sport,
                           dport=old.dport, flags=old.flags, kind=old.kind, code=old.code,
                           ident=old.ident)
            if p.proto == TCP:
                p.flags = rnd.choice([ACK, ACK, SYN | ACK, RST, FIN | ACK, SYN])
            if how > 1 and p.echo() and rnd.random() < 0.7:
                p.kind = {8: 0, 0: 8, 128: 129, 129: 128}[p.kind]
        elif how == 4:
            old = rnd.choice(self.sent[-40:])
            p = self.fresh()
            p = Packet(old.family, rnd.choice(self.edges[old.family]), old.src,
                       ICMP if old.family == 4 else ICMP6, code=rnd.choice([0, 1, 4]),
                       kind=rnd.choice([3, 11, 12, 5] if old.family == 4 else [1, 2, 3, 4]),
                       about=old)
            if old.about is not None or p.kind == 5 or old.piece == "rest":
                p.about = None
            elif rnd.random() < 0.1:
                p.dst = old.dst
        else:
            p = self.fresh()
        p.inner_vlan = rnd.choice(self.vlans) if p.vlan is not None and rnd.random() < 0.2 else None
        if p.proto in (TCP, UDP, SCTP) and rnd.random() < 0.1:
            p.piece, p.number = "first", len(self.sent)
        self.sent.append(p)
        return p


def show(p):
    return {k: (text_of(p.family, v) if k in ("src", "dst") else show(v) if k == "about" and v
                else v) for k, v in p.__dict__.items() if v is not None}


def as_words(p):
    """The packet for explain; None where its grammar has no word for it."""
    if p.about is not None or p.piece == "rest":
        return None
    word = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}.get(p.proto, f"proto/{p.proto}")
    out = [text_of(p.family, p.src), ">", text_of(p.family, p.dst)]
    if p.proto in (TCP, UDP, SCTP):
        out += [f"{word}/{p.dport}", f"sport={p.sport}"]
        if p.proto == TCP and not p.flags:
            return None
        out += [name for i, name in enumerate(("fin", "syn", "rst", "psh", "ack"))
                if p.flags >> i & 1]
    elif p.kind is not None:
        out += ["icmp" if p.family == 4 else "icmp6", f"type={p.kind}", f"code={p.code}"]
    else:
        out.append(word)
    if p.vlan is not None:
        out.append(f"vlan={p.vlan}")
    if p.piece:
        out.append("frag=first")
    return " ".join(out)


def compare(where, p, got, hops, all_in_all):
    said = [(h["direction"], h["local"], h["verdict"], h["reason"], h.get("file"), h.get("line"))
            for h in got["hops"] if "local" in h]
    if said != hops or (got["verdict"], got["reason"]) != all_in_all:
        sys.exit(f"{where}: {json.dumps(show(p))}\nthe manual says {hops} {all_in_all}\n"
                 f"ringfence says  {said} {got['verdict']} {got['reason']}")


def attempt(ringfence, where, seed, frames):
    rnd = random.Random(seed)
    policy = Policy(rnd)
    policy.save(os.path.join(where, "policy"))
    traffic = Traffic(rnd, policy)
    packets = [traffic.next() for _ in range(frames)]
    capture(os.path.join(where, "odd.pcap"), packets)
    run = subprocess.run([ringfence, "judge", os.path.join(where, "odd.pcap"), "--policy",
                          os.path.join(where, "policy"), "--json", "-q", "--flows", "65536"],
                         capture_output=True, check=False, timeout=120)
    if run.returncode != 0:
        sys.exit(f"seed {seed}: judge exits {run.returncode}\n{run.stderr.decode()[:2000]}")
    lines = run.stdout.decode().splitlines()
    oracle = Oracle(policy)
    counts = {}
    for i, (p, line) in enumerate(zip(packets, lines)):
        got = json.loads(line)
        hops, all_in_all = oracle.judge(p)
        compare(f"seed {seed}, frame {i + 1}", p, got, hops, all_in_all)
        key = (got["verdict"], got["reason"])
        counts[key] = counts.get(key, 0) + 1
    if len(lines) != frames:
        sys.exit(f"seed {seed}: {len(lines)} answers for {frames} frames")
    for p in rnd.sample(packets, EXPLAINED):
        words = as_words(p)
        if words is not None:
            run = subprocess.run([ringfence, "explain", words, "--policy",
                                  os.path.join(where, "policy"), "--json"],
                                 capture_output=True, check=False, timeout=120)
            if run.returncode != 0:
                sys.exit(f"seed {seed}: explain '{words}' exits {run.returncode}\n"
                         f"{run.stderr.decode()[:2000]}")
            compare(f"seed {seed}, explain '{words}'", p, json.loads(run.stdout),
                    *Oracle(policy).judge(p, alone=True))
    return counts


def main():
    ringfence, where, seed, tries, frames = sys.argv[1:]
    total = {}
    for s in range(int(seed), int(seed) + int(tries)):
        for key, n in attempt(ringfence, where, s, int(frames)).items():
            total[key] = total.get(key, 0) + n
    for key, n in sorted(total.items()):
        print(f"{key[0]} {key[1]}: {n}")


if __name__ == "__main__":
    main()
