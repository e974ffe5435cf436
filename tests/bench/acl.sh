#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our walk beside other classifiers on the same IPv4 rules and packets, in one run, all answers
# compared. Two figures are two traces: packets at the edges of all fields, or of any values, few of
# which meet a rule; and packets that each lie inside one. "Of ours" is of one packet at a time.
#   linear, intervals   the plain ways of tests/support/ref_acl.h, in the program of the walk
#   rte_acl             DPDK (libdpdk-dev), local IP and VLAN as fields, also in batches of 32
#   nft                 nftables in two network namespaces made here, one with the rules, one with
#                       the same chains without: the difference is taken, in processor time of the
#                       kernel, best of 5 in turn. A rule an entry, at two hooks; and an interval
#                       map, addresses or the port first, which costs the same at both hooks. Both
#                       traces mixed; long lists get few packets. At 100,000 rules one hook and
#                       one order. What is left out of the rules: acl_nft.c.
set -eu
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-$PWD/build/rel}
SETS=${SETS:-"acl 1000 13, firewall 1000 13, chain 1000 13, acl 5000 1, acl 5000 48,
firewall 5000 48, chain 5000 48, plain 5000 48, acl 100000 500, chain 100000 500"}
NFT_S=20	# seconds that nft may take
empty=rf-acl-$$-e
full=rf-acl-$$-f
tmp=$(mktemp -d /tmp/rf-acl.XXXXXX)

namespaces_del()
{
	for ns in "$empty" "$full"; do
		ip netns del "$ns" 2>/dev/null || :
	done
}

namespaces_add()
{
	for ns in "$empty" "$full"; do
		ip netns add "$ns" && ip -n "$ns" link add acl0 address 02:00:00:00:00:01 \
		    type veth peer name acl1 && ip -n "$ns" link set acl0 up &&
		    ip -n "$ns" link set acl1 up || return 1
	done
}

trap 'namespaces_del; rm -rf "$tmp"' EXIT

rte_make()
{
	if ! command -v pkg-config >/dev/null || ! pkg-config --exists libdpdk; then
		if [ "$(id -u)" != 0 ]; then
			echo "SKIP rte_acl: no libdpdk-dev, and only root can install it"
			return 1
		fi
		apt-get install -y -q --no-install-recommends libdpdk-dev pkg-config gcc \
		    libc6-dev >"$tmp/apt" 2>&1 </dev/null || {
			echo "SKIP rte_acl: libdpdk-dev cannot be installed"
			return 1
		}
	fi
	# shellcheck disable=SC2046 # options, one a word
	gcc -O3 -march=native $(pkg-config --cflags libdpdk) -Itests/support -o "$tmp/acl" \
	    tests/bench/acl/acl.c -lrte_acl -lrte_eal 2>"$tmp/cc" || {
		echo "SKIP rte_acl: $(head -n 1 "$tmp/cc")"
		return 1
	}
}

# A few rules, loaded, met by packets: what nft_way needs.
nft_try()
{
	command -v nft && command -v ip && namespaces_add &&
	    ip netns exec "$full" nft -f "$tmp/nft" &&
	    "$BUILD/bench/acl_nft" check "/run/netns/$full" "$tmp/rules" ports
}

nft_can()
{
	"$BUILD/bench/acl_rules" acl 10 1 "$tmp/rules" >/dev/null
	"$BUILD/bench/acl_nft" rules netdev "$tmp/rules" ports >"$tmp/nft" 2>/dev/null
	nft_try >/dev/null 2>"$tmp/log" && return 0
	echo "SKIP nft: $(head -n 1 "$tmp/log" | grep . || echo "no nft or no ip here")"
	return 1
}

nft_way()	# HOOK NAME WAY
{
	family=${1%% *}
	ip netns exec "$empty" nft flush ruleset
	ip netns exec "$full" nft flush ruleset
	"$BUILD/bench/acl_nft" empty "$family" | ip netns exec "$empty" nft -f -
	"$BUILD/bench/acl_nft" rules "$family" "$tmp/rules" "$3" >"$tmp/nft" 2>"$tmp/taken"
	if ! us=$("$BUILD/bench/elapsed" timeout "$NFT_S" ip netns exec "$full" nft -f "$tmp/nft" \
	    2>"$tmp/log"); then
		echo "nft $3 at $1: $(cat "$tmp/taken") not loaded in $((us / 1000)) ms:" \
		    "$(head -n 1 "$tmp/log")"
		return 0
	fi
	"$BUILD/bench/acl_nft" check "/run/netns/$full" "$tmp/rules" "$3"
	ip netns exec "$full" nft list set "$family" t seen >"$tmp/seen"
	ip netns exec "$full" nft flush chain "$family" t z
	code=0
	answers=$("$BUILD/bench/acl_nft" compare "$tmp/rules" "$3" <"$tmp/seen") || code=1
	echo "$2 at $1: $(cat "$tmp/taken"), load $((us / 1000)) ms, $("$BUILD/bench/acl_nft" \
	    time "/run/netns/$full" "/run/netns/$empty" "$tmp/rules" "$3"), $answers"
	return "$code"
}

rte=
nft=
if rte_make; then
	rte=yes
fi
if nft_can; then
	nft=yes
fi
echo "$SETS" | tr , '\n' | while read -r kind rules tables; do
	[ -n "$kind" ] || continue
	echo "$kind, $tables tables"
	"$BUILD/bench/acl_rules" "$kind" "$rules" "$tables" "$tmp/rules"
	[ -z "$rte" ] || "$tmp/acl" "$tmp/rules"
	[ -n "$nft" ] || continue
	nft_way "ip prerouting" "nft linear" linear
	nft_way "ip prerouting" "nft map, addresses first" addresses
	# above, each takes seconds to load
	[ "$rules" -le 5000 ] || continue
	nft_way "ip prerouting" "nft map, port first" ports
	nft_way "netdev ingress" "nft linear" linear
done
