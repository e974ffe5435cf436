#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our reader and tshark agree on every frame of the corpus: number, time, both lengths. Files that
# one of them refuses are counted, not compared.
set -eu
cd "$TOP"
if ! command -v tshark >/dev/null; then
	echo "tshark is not installed"
	exit 77
fi
same=0
refused=0
for f in tests/data/corpus/pcap/*; do
	if ! "$BUILD/tools/pcap_list" "$f" >"$TMPDIR/ours" 2>/dev/null ||
	    ! tshark -r "$f" -T fields -E separator=, -e frame.encap_type -e frame.time_epoch \
	    -e frame.cap_len -e frame.len >"$TMPDIR/raw" 2>/dev/null; then
		refused=$((refused + 1))
		continue
	fi
	# Ethernet only: tshark also shows private blocks. A frame without a time has that of the
	# frame before in ours.
	awk -F, '$1 == 1 { if ($2 != "") t = $2; else if (t == "") t = "0.000000000"
		print ++n, t, $3, $4 }' "$TMPDIR/raw" >"$TMPDIR/theirs"
	if ! diff "$TMPDIR/ours" "$TMPDIR/theirs"; then
		echo "$f: ours (<) and tshark's (>) differ"
		exit 1
	fi
	same=$((same + 1))
done
[ "$same" -ge 10 ] || { echo "only $same files compared"; exit 1; }
echo "$same files the same, $refused refused"
