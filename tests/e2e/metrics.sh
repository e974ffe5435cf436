#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both texts of /v1/metrics before promtool, and a Prometheus that scrapes them over TLS with a
# client certificate.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
for tool in promtool prometheus curl python3; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 77; }
done
PYTHONPATH=$TOP/tests/support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
KEYS=$TMPDIR/keys
PORT=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
WEB=$(python3 -c 'import tls_rig; print(tls_rig.free_port())')
exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
policy_begin
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
daemon_start

text()	# FILE CURL-OPTION...
{
	text_to=$1
	shift
	curl -sS --fail --max-time 10 --unix-socket "$SOCK" "$@" http://localhost/v1/metrics \
	    >"$text_to" || fail "no metrics"
}

texts()	# NAME: both formats, each judged
{
	text "$TMPDIR/$1.old" -H 'Accept: text/plain' -D "$TMPDIR/$1.head"
	grep -qi '^content-type: text/plain; version=0.0.4' "$TMPDIR/$1.head" ||
	    fail "the older text has another type"
	promtool check metrics <"$TMPDIR/$1.old" >"$TMPDIR/promtool.out" 2>&1 || {
		cat "$TMPDIR/promtool.out"
		fail "promtool refuses the older text ($1)"
	}
	[ ! -s "$TMPDIR/promtool.out" ] || {
		cat "$TMPDIR/promtool.out"
		fail "promtool finds something in the older text ($1)"
	}
	text "$TMPDIR/$1.open" -D "$TMPDIR/$1.head"
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0' \
	    "$TMPDIR/$1.head" || fail "OpenMetrics has another type"
	is "the last line" "$(tail -n 1 "$TMPDIR/$1.open")" "# EOF"
	# promtool reads the older text alone: the newer differs in its end and in that the
	# family of a counter has no _total
	sed '/^# EOF$/d; /^# [A-Z]* [a-z_]* /!d' "$TMPDIR/$1.open" | awk '
		$2 == "TYPE" && $4 == "counter" && $3 ~ /_total$/ { print; bad = 1 }
		END { exit bad }' || fail "a family of OpenMetrics ends in _total"
	grep -v '^#' "$TMPDIR/$1.old" | sed 's/ [^ ]*$//' | sort >"$TMPDIR/old.names"
	grep -v '^#' "$TMPDIR/$1.open" | sed 's/ [^ ]*$//' | sort >"$TMPDIR/open.names"
	cmp "$TMPDIR/old.names" "$TMPDIR/open.names" || fail "the two texts differ in samples"
}

texts without-nic
nic_start
wait_for "generation 1" status_is 1 generation
wait_for "the capture's end" grep -q replay-end "$TMPDIR/nic.log"
texts with-nic
grep -q '^ringfence_rule_packets_total{rule="a.pol:3",.*} 8$' "$TMPDIR/with-nic.open" ||
    fail "the counted rule is missing"

# a text that is wrong is found
sed 's/^ringfence_up .*/ringfence_up x/' "$TMPDIR/with-nic.old" >"$TMPDIR/bad"
! promtool check metrics <"$TMPDIR/bad" >/dev/null 2>&1 || fail "promtool takes anything"

cat >"$TMPDIR/prometheus.yml" <<-END
	global:
	  scrape_interval: 1s
	  scrape_timeout: 1s
	scrape_configs:
	  - job_name: ringfence
	    scheme: https
	    metrics_path: /v1/metrics
	    static_configs:
	      - targets: ["localhost:$PORT"]
	    tls_config:
	      ca_file: $KEYS/ca.crt
	      cert_file: $KEYS/viewer.crt
	      key_file: $KEYS/viewer.key
	END
promtool check config "$TMPDIR/prometheus.yml" >"$TMPDIR/promtool.out" 2>&1 || {
	cat "$TMPDIR/promtool.out"
	fail "promtool refuses the settings"
}
prometheus --config.file="$TMPDIR/prometheus.yml" --storage.tsdb.path="$TMPDIR/tsdb" \
    --web.listen-address="127.0.0.1:$WEB" >"$TMPDIR/prometheus.log" 2>&1 &
more_pids="$more_pids $!"

asked()	# QUERY VALUE
{
	curl -sS --max-time 5 -G --data-urlencode "query=$1" \
	    "http://127.0.0.1:$WEB/api/v1/query" >"$TMPDIR/query" 2>/dev/null &&
	    grep -q "\"value\":\[[0-9.]*,\"$2\"\]" "$TMPDIR/query"
}

targets()
{
	curl -sS --max-time 5 "http://127.0.0.1:$WEB/api/v1/targets" >"$TMPDIR/targets.log" &&
	    grep -q '"lastScrape":"2' "$TMPDIR/targets.log"
}

WAIT_S=20	# Prometheus looks for its targets each 5 s
wait_for "a scrape" targets
wait_for "Prometheus to see it up" asked up 1

wait_for "the NIC up" asked ringfence_up 1
wait_for "the drops" asked 'ringfence_packets_total{verdict="drop"}' \
    "$(sed -n 's/^ringfence_packets_total{verdict="drop"} //p' "$TMPDIR/with-nic.open")"
wait_for "the rule" asked 'ringfence_rule_packets_total{segment="web"}' 8
