#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The firmware's parser and walker through the kernel's verifier, and run there on frames whose
# outcome the host's build of the same source has worked out.
set -eu
skip()
{
	echo "$1"
	exit 77
}
[ "$(id -u)" = 0 ] || skip "loading BPF needs root"
command -v clang >/dev/null || skip "no clang"
[ -f /usr/include/bpf/libbpf.h ] || skip "no libbpf-dev"
command -v gcc >/dev/null || skip "no gcc"
dir=$TMPDIR/bpf
mkdir -p "$dir"
clang -target bpf -mcpu=v3 -std=c11 -O2 -g -Wall -Wextra -ffreestanding \
    -isystem "$TOP/build/deps/kernel" -I"$TOP/src/wire" -I"$TOP/fw" -c -o "$dir/fw_xdp.o" \
    "$TOP/fw/bpf/fw_xdp.c"
gcc -O1 -Wall -o "$dir/run" "$TOP/tests/e2e/bpf_run.c" -lbpf
"$BUILD/tools/bpf_cases" "$dir"
"$dir/run" "$dir/fw_xdp.o" "$dir" 3 >"$dir/log" 2>&1 && rc=0 || rc=$?
if [ "$rc" != 0 ] && grep -q 'Operation not permitted' "$dir/log"; then
	skip "this kernel lets nobody load BPF"
fi
grep -E 'processed|frames|image|R[0-9]|libbpf' "$dir/log" | tail -n 20
exit "$rc"
