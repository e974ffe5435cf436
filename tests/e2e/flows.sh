#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Flows of a capture, from the NIC to a person: the list and its filters, pages, the stream and its
# resume over the local socket and TLS, the table, totals, and what a restart of either end does.
set -eu
# shellcheck source=tests/support/daemon.sh
. "$TOP/tests/support/daemon.sh"
command -v curl >/dev/null || { echo "curl is not installed"; exit 77; }
python3 -c 'import ssl' 2>/dev/null || { echo "python3 is not installed"; exit 77; }
KEYS=$TMPDIR/keys
PORT=$(PYTHONPATH=$TOP/tests/support PYTHONDONTWRITEBYTECODE=1 \
    python3 -c 'import tls_rig; print(tls_rig.free_port())')
exits 0 "$RINGFENCE" keys init "$KEYS"
exits 0 "$RINGFENCE" keys client "$KEYS" viewer
policy_begin
daemon_options="--listen 127.0.0.1:$PORT --keys $KEYS"
nic_start
daemon_start
wait_for "generation 1" status_is 1 generation

local_get()	# PATH CURL-OPTION...
{
	get_path=$1
	shift
	curl -sSN --max-time 10 --unix-socket "$SOCK" "$@" "http://localhost$get_path"
}

json()	# PYTHON: of the document d on standard input
{
	python3 -c "import json, sys
d = json.load(sys.stdin)
print($1)"
}

count()	# QUERY: flows that match
{
	local_get "/v1/flows?$1" | json 'len(d["flows"])'
}

flows_are()	# COUNT QUERY
{
	[ "$(count "$2")" = "$1" ]
}

# The capture has a connection that a rule allows, an intruder, and a stranger's packets.
wait_for "three flows" flows_are 3 ""
for row in "1 verdict=drop" "2 verdict=pass" "0 verdict=would-drop" "3 proto=tcp" "0 proto=udp" \
    "2 port=8080" "1 port=5432" "1 from=10.9.0.0/24" "2 from=10.66.0.66" "2 to=10.20.3.7" \
    "2 local=10.20.3.7" "1 remote=10.9.0.5" "0 from=fd00::/8" "2 segment=web" "1 file=a.pol:3" \
    "2 file=a.pol" "0 file=b.pol" "3 since=1h" "0 since=2100-01-01T00:00:00Z" \
    "1 verdict=drop&port=8080" "0 verdict=drop&port=5432" "1 limit=1"; do
	is "flows of ${row#* }" "$(count "${row#* }")" "${row%% *}"
done
rule=$(local_get "/v1/flows?file=a.pol:3" | json 'd["flows"][0]["policy"]["rule"]')
is "flows of the rule" "$(count "rule=$rule")" 1
local_get "/v1/flows?from=10.9.0.5" >"$TMPDIR/one"
is "the flow" "$(json '(lambda f: "%s %s:%d > %s:%d %s %s %s:%d %s %d" % (f["verdict"],
    f["IP"]["source"], f["l4"]["TCP"]["source_port"], f["IP"]["destination"],
    f["l4"]["TCP"]["destination_port"], f["traffic_direction"], f["tracked"],
    f["policy"]["file"], f["policy"]["line"], f["policy"]["segment"],
    f["policy"]["generation"]))(d["flows"][0])' <"$TMPDIR/one")" \
    "pass 10.9.0.5:40000 > 10.20.3.7:8080 INGRESS True a.pol:3 web 1"

# Pages: each flow once, and an end.
local_get "/v1/flows?limit=1" >"$TMPDIR/page"
seen=
for i in 1 2 3; do
	seen="$seen $(json 'd["flows"][0]["IP"]["source"] + str(d["flows"][0]["l4"]["TCP"]
	    ["source_port"])' <"$TMPDIR/page")"
	next=$(json 'd.get("next", 0)' <"$TMPDIR/page")
	[ "$i" = 3 ] || local_get "/v1/flows?limit=1&before=$next" >"$TMPDIR/page"
done
is "the end of the pages" "$next" 0
is "flows of the pages" "$(echo "$seen" | tr ' ' '\n' | grep . | sort -u | wc -l)" 3

for bad in limit=0 limit=1001 port=0 verdict=maybe from=10.0.0.0/33 since=yesterday nothing=1 \
    before=x state=x 'port=1&port=2'; do
	local_get "/v1/flows?$bad" -o "$TMPDIR/bad" -w '%{http_code}\n' >"$TMPDIR/code"
	is "the answer to $bad" "$(cat "$TMPDIR/code")" 400
	name=${bad%%=*}
	grep -q "\"detail\":\"[^\"]*$name" "$TMPDIR/bad" || fail "$bad: $(cat "$TMPDIR/bad")"
done

# The stream, from its first event and from the middle; over TLS the same.
stream()	# FILE LAST-ID CURL-OPTION... URL: for two seconds
{
	stream_to=$1
	stream_id=$2
	shift 2
	curl -sSN --max-time 2 -H "Last-Event-ID: $stream_id" "$@" >"$stream_to" 2>/dev/null || :
}
stream "$TMPDIR/sse" 0 --unix-socket "$SOCK" http://localhost/v1/flows/stream
grep -q '^event: flow$' "$TMPDIR/sse" || fail "no events: $(cat "$TMPDIR/sse")"
is "the first ids" "$(sed -n 's/^id: //p' "$TMPDIR/sse" | head -n 3 | tr '\n' ' ')" "1 2 3 "
stream "$TMPDIR/tls" 2 --cacert "$KEYS/ca.crt" --cert "$KEYS/viewer.crt" \
    --key "$KEYS/viewer.key" "https://127.0.0.1:$PORT/v1/flows/stream"
is "the first id after 2" "$(sed -n 's/^id: //p' "$TMPDIR/tls" | head -n 1)" 3
! grep -q '^event: lost' "$TMPDIR/tls" || fail "events are lost"
stream "$TMPDIR/nd" 0 -H 'Accept: application/x-ndjson' --unix-socket "$SOCK" \
    http://localhost/v1/flows/stream
is "the first lines" "$(grep . "$TMPDIR/nd" | head -n 3 | python3 -c 'import json, sys
print([json.loads(l)["number"] for l in sys.stdin])')" "[1, 2, 3]"

# The table: every column where its head is; colour only where asked for, words always.
exits 0 rf flows
prints "^TIME  *STATE  *VERDICT"
prints "x drop  *tcp  *10.66.0.66:50000  *10.20.3.7:8080 .* a.pol:1  *web"
prints "+ pass  *tcp  *10.66.0.66:50001 .* (unsegmented)"
! grep -q "$(printf '\033')" "$TMPDIR/out" || fail "colour in a file"
at=$(head -n 1 "$TMPDIR/out" | sed 's/DESTINATION.*//' | wc -c)
is "rows with the destination at its column" \
    "$(tail -n +2 "$TMPDIR/out" | cut -c "$at-" | grep -c '^10\.20\.')" 3
exits 0 rf flows --color=always --verdict drop
prints "$(printf '\033\\[31m')x drop"
exits 0 env NO_COLOR=1 "$RINGFENCE" flows --socket "$SOCK"
! grep -q "$(printf '\033')" "$TMPDIR/out" || fail "colour in spite of NO_COLOR"
exits 0 rf flows --json --last 2
is "lines of JSON" "$(wc -l <"$TMPDIR/out")" 2
exits 0 rf flows --from 10.9.0.0/24 --to 10.20.3.7 --verdict pass --proto tcp --port 8080 \
    --segment web --since 1h --json
is "the flow of all options" "$(wc -l <"$TMPDIR/out")" 1
exits 0 "$RINGFENCE" flows --remote "127.0.0.1:$PORT" --ca "$KEYS/ca.crt" \
    --cert "$KEYS/viewer.crt" --key "$KEYS/viewer.key" --json
is "flows over TLS" "$(wc -l <"$TMPDIR/out")" 3
exits 0 rf flows --port 1
says "no such flow"
for bad in "--port 0" "--verdict maybe" "--last 0" "--last 1001" "--since x" "--from x"; do
	# shellcheck disable=SC2086 # an option and its value
	exits 2 rf flows $bad
done

# Totals are complete, in the status and in the metrics.
local_get /v1/status | json 'd["flows"]' >"$TMPDIR/totals"
sums()	# of the totals of a document
{
	json '(lambda t: t["opened"] + t["ended"] + t["seen_opened"] + t["seen_ended"] ==
	    t["records"] - t["updates"] + t["lost"] + t["unasked"])(d["totals"])'
}
is "the sum of the totals" "$(local_get /v1/flows | sums)" True
exits 0 rf status
prints "^flows  *live [0-3], opened 3, ended [0-3], kept 3, lost 0$"
local_get /v1/metrics >"$TMPDIR/metrics"
grep -q '^ringfence_flows_opened_total{kind="table"} 1$' "$TMPDIR/metrics" || fail "metrics: table"
grep -q '^ringfence_flows_opened_total{kind="seen"} 2$' "$TMPDIR/metrics" || fail "metrics: seen"
grep -q '^ringfence_flows_lost_total 0$' "$TMPDIR/metrics" || fail "metrics: lost"

# A NIC that boots ends what was known, and who follows sees what it tells then.
rf flows --follow >"$TMPDIR/follow" 2>"$TMPDIR/follow.log" &
more_pids="$more_pids $!"
wait_for "the follower" grep -q following "$TMPDIR/follow.log"
nic_kill
nic_start
wait_for "the second boot's flows" flows_are 6 ""
is "flows that live on from the first boot" "$(local_get "/v1/flows?state=live" |
    json 'sum(f["number"] <= 3 for f in d["flows"])')" 0
follows()	# after the rows of the list
{
	[ "$(grep -c 'x drop .* a.pol:1' "$TMPDIR/follow")" -ge 2 ]
}
wait_for "what follows" follows

# Another daemon hears of what lives.
daemon_end TERM
daemon_start
hears()
{
	[ "$(count state=live)" -ge 1 ]
}
wait_for "flows again" hears
is "the sum of the totals, again" "$(local_get /v1/flows | sums)" True
