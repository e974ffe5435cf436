#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Layering: a room includes its own headers and those of the rooms that tests/lint/rooms gives it;
# fw/ (its sim port apart) includes fw/ and src/wire, and no system header but freestanding ones.
set -eu
cd "$(dirname "$0")/../.."

# Every header of ours once: two of one name would make an include ambiguous.
twice=$(find src fw -name '*.h' | sed 's,.*/,,' | sort | uniq -d)
if [ -n "$twice" ]; then
	echo "header names used twice: $twice"
	exit 1
fi

# shellcheck disable=SC2016 # awk expands
find src fw \( -name '*.[ch]' -o -name '*.re' \) | sort | xargs awk '
function room_of(path,   part) {
	split(path, part, "/")
	return part[1] == "fw" ? "fw" : part[2]
}
function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
BEGIN {
	while ((getline line <"tests/lint/rooms") > 0) {
		if (line ~ /^#/) continue
		n = split(line, word, /[: ]+/)
		known[word[1]] = 1
		for (i = 2; i <= n; i++) may[word[1], word[i]] = 1
	}
	while (("find src fw -name \"*.h\"" | getline path) > 0) {
		name = path
		sub(/.*\//, "", name)
		home[name] = room_of(path)
	}
	split("stdarg stdbool stddef stdint limits stdalign iso646 float", free_names, " ")
	for (i in free_names) freestanding[free_names[i] ".h"] = 1
}
FNR == 1 {
	room = room_of(FILENAME)
	sim = FILENAME ~ /^fw\/port\/sim/
	bpf = FILENAME ~ /^fw\/bpf\//
	if (!(room in known)) complain("room " room " is not in tests/lint/rooms")
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	name = $0
	sub(/^[^<]*</, "", name)
	sub(/>.*/, "", name)
	strict = room == "wire" || (room == "fw" && !sim && !bpf)
	if (strict && !(name in freestanding))
		complain("<" name "> is not freestanding")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	name = $0
	sub(/^[^"]*"/, "", name)
	sub(/".*/, "", name)
	if (name ~ /\.\./) complain("\"" name "\": give the name, not the way")
	if (!(name in home)) next	# generated, or a dependency of ours
	if (home[name] == room || (room, home[name]) in may) next
	if (sim && home[name] == "util") next
	complain("\"" name "\" is of " home[name] ", which " room " may not know")
}
END { exit bad }'
