# SPDX-License-Identifier: Apache-2.0
"""A list of prefixes, and packets from just inside and just outside of them.

    lists.py make FILE COUNT            writes COUNT prefixes, v4 and v6
    lists.py frames FILE PCAP WANT      frames to port 443 (let in but from the list) and port 25
                                        (kept out from the list alone); WANT: a verdict a line
    lists.py compare WANT JUDGED        the verdicts of judge --json are those wanted
    lists.py gone FILE PREFIX           without the line PREFIX
"""
import bisect
import ipaddress
import json
import random
import struct
import sys

SEED, PICKED = 7, 700
LOCAL = {4: ipaddress.ip_address("10.1.0.1"), 6: ipaddress.ip_address("fd00::1")}


def make(path, count):
    rand = random.Random(SEED)
    seen = set()
    while len(seen) < count:
        if len(seen) % 5 < 4:
            bits, length = 32, rand.choice((32, 32, 32, 24, 24, 22, 20))
            value = rand.randrange(1 << 24, 223 << 24)
        else:
            bits, length = 128, rand.choice((32, 48, 48, 64, 128))
            value = 0x2001 << 112 | rand.getrandbits(112)
        seen.add((bits, value >> bits - length << bits - length, length))
    lines = []
    for bits, value, length in seen:
        address = (ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address)(value)
        lines.append(str(address) if length == bits else "%s/%d" % (address, length))
    rand.shuffle(lines)
    with open(path, "w") as f:
        f.write("# made by a test\n" + "".join(line + "\n" for line in lines))


def ranges(path):
    """First and last numbers by family, sorted and joined."""
    found = {4: [], 6: []}
    with open(path) as f:
        for line in f:
            if line[0] != "#":
                net = ipaddress.ip_network(line.strip())
                found[net.version].append((int(net[0]), int(net[-1])))
    for version, all_of in found.items():
        joined = []
        for lo, hi in sorted(all_of):
            if joined and lo <= joined[-1][1] + 1:
                joined[-1][1] = max(joined[-1][1], hi)
            else:
                joined.append([lo, hi])
        found[version] = joined
    return found


def inside(joined, value):
    i = bisect.bisect_right(joined, [value, float("inf")]) - 1
    return i >= 0 and joined[i][0] <= value <= joined[i][1]


def frame(source, dport):
    tcp = struct.pack("!HHIIBBHHH", 40000, dport, 1, 0, 5 << 4, 2, 64240, 0, 0)
    local = LOCAL[source.version]
    if source.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0)
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + source.packed + local.packed + tcp
    head = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" + head + source.packed + local.packed + tcp


def frames(path, pcap, want):
    rand = random.Random(SEED)
    joined = ranges(path)
    sources = []
    for version, most in ((4, 2**32 - 1), (6, 2**128 - 1)):
        for lo, hi in rand.sample(joined[version], min(PICKED, len(joined[version]))):
            sources += [(version, v) for v in (lo - 1, lo, (lo + hi) // 2, hi, hi + 1)]
        sources += [(version, rand.randrange(most)) for _ in range(PICKED)]
    with open(pcap, "wb") as f, open(want, "w") as w:
        f.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, (version, value) in enumerate(sources):
            address = (ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(value)
            if address.is_multicast:
                continue
            for dport in (443, 25):
                data = frame(address, dport)
                f.write(struct.pack("<IIII", 1767225600 + i, 0, len(data), len(data)) + data)
                listed = inside(joined[version], value)
                w.write("%s %s %d\n" % ("drop" if listed else "pass", address, dport))


def compare(want, judged):
    with open(want) as w, open(judged) as j:
        lines, objects = w.read().split("\n")[:-1], [json.loads(line) for line in j]
    if len(lines) != len(objects):
        sys.exit("%d frames judged, not %d" % (len(objects), len(lines)))
    wrong = [line for line, o in zip(lines, objects) if line.split()[0] != o["verdict"]]
    if wrong:
        sys.exit("%d verdicts are wrong, as that wanted: %s" % (len(wrong), wrong[0]))
    dropped = sum(line.startswith("drop") for line in lines)
    print("%d frames judged as the list says, %d of them drops" % (len(lines), dropped))


def gone(path, prefix):
    with open(path) as f:
        lines = f.read().split("\n")
    lines.remove(prefix)
    with open(path, "w") as f:
        f.write("\n".join(lines))


if __name__ == "__main__":
    verb, words = sys.argv[1], sys.argv[2:]
    if verb == "make":
        make(words[0], int(words[1]))
    else:
        {"frames": frames, "compare": compare, "gone": gone}[verb](*words)
