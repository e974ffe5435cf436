#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Batches of 32 beside DPDK's rte_acl (libdpdk-dev), on the same rules and packets, in one run; its
# answers are compared with ours. IPv4 only, local IP and VLAN as fields of its rules.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-$PWD/build/rel}
skip()
{
	echo "SKIP rte_acl: $1"
	exit 0
}
tmp=$(mktemp -d /tmp/rf-acl.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
if ! command -v pkg-config >/dev/null || ! pkg-config --exists libdpdk; then
	[ "$(id -u)" = 0 ] || skip "no libdpdk-dev, and only root can install it"
	apt-get install -y -q --no-install-recommends libdpdk-dev pkg-config gcc libc6-dev \
	    >"$tmp/apt" 2>&1 </dev/null || skip "libdpdk-dev cannot be installed"
fi
# shellcheck disable=SC2046 # options, one a word
gcc -O3 -march=native $(pkg-config --cflags libdpdk) -Itests/support -o "$tmp/acl" \
    tests/bench/acl/acl.c -lrte_acl -lrte_eal 2>"$tmp/cc" || skip "$(head -n 1 "$tmp/cc")"
while read -r kind rules tables; do
	echo "$kind, $tables tables"
	"$BUILD/bench/acl_rules" "$kind" "$rules" "$tables" "$tmp/rules"
	"$tmp/acl" "$tmp/rules"
done <<-END
acl 1000 13
firewall 1000 13
chain 1000 13
acl 5000 1
acl 5000 48
firewall 5000 48
chain 5000 48
plain 5000 48
acl 100000 500
chain 100000 500
END
