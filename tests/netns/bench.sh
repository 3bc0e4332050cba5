#!/usr/bin/env bash
# `xdp-mesh bench`: what it prints and writes, who it leaves out, and that nothing is left behind,
# however it ends. Figures are looked at for being there, not for what they are.
source "$(dirname "$0")/lib.sh"

setup iperf3 jq pgrep
command -v wireguard-go >/dev/null || skip "wireguard-go is not installed (tools/deps installs it)"

INSIDE= # the process in which a bench runs, once someone asked

# The interfaces' names start with xb and the number of the process that was started.
nothing_left() { # PID
  local directory
  ended "$1" && { [[ -z $INSIDE ]] || ended "$INSIDE"; } || return 1
  for directory in "$UAPI_DIR" /run/xdp-mesh; do
    if compgen -G "$directory/xb$1*" >/dev/null; then return 1; fi
  done
  ! grep -qs "xb$1" /proc/[0-9]*/cmdline && ! ip -br link | grep -q "^xb$1"
}

start_bench() { # ARGUMENT...: sets BENCH
  : >"$TMP/bench.log" # of the run before: nobody may take it for this one's
  "$UNDER_TEST" bench "$@" >"$TMP/out" 2>"$TMP/bench.log" &
  BENCH=$!
  BACKGROUND+=("$BENCH")
}

# ---- a whole run ----------------------------------------------------------------------------------

printf '#!/bin/sh\necho "no key, no door" >&2\nexit 3\n' >"$TMP/refuses"
# Goes into the background, as implementations do that have no foreground.
printf '#!/bin/sh\n[ "$2" = now ] || exit 4\n' >"$TMP/daemon"
printf 'unset WG_PROCESS_FOREGROUND\nexec wireguard-go "$1"\n' >>"$TMP/daemon"
chmod +x "$TMP/refuses" "$TMP/daemon"

start_bench --rounds 1 --seconds 1 --rows tcp1,udp1300,rtt,rss1000 --aead none --io none \
  --peer "broken=$TMP/refuses" --peer "daemon=$TMP/daemon %i now" --json "$TMP/report.json" \
  --svg "$TMP/chart.svg"
status=0
wait "$BENCH" || status=$?
sed 's/^/     /' "$TMP/out"
check "it succeeds" test "$status" -eq 0
check "nothing is left" wait_for 5 nothing_left "$BENCH"

check "the table has a row for TCP" grep -q '^TCP, 1 stream, a to b  *Gbit/s  *[0-9]' "$TMP/out"
check "the table has a row for UDP" grep -q '^UDP of 1300 B, received  *kpackets/s  *[0-9]' "$TMP/out"
check "ratios with their targets" grep -Eq '^TCP.* / wireguard-go +[0-9.]+ x +>= .*(met|MISSED)' "$TMP/out"
check "who does not start is left out, with the reason" grep -q 'broken.*exit code 3.*no key, no door' "$TMP/out"
check "progress goes to stderr, line by line" grep -q 'left\] round 1/1, xdp-mesh: TCP, 1 stream' "$TMP/bench.log"
check "and has no control characters" not grep -q $'\r\|\033' "$TMP/bench.log"

in_json() { jq -e "$1" "$TMP/report.json"; }
check "JSON: its version, and a whole run" in_json '.schema_version == 1 and .interrupted == false'
check "JSON: all contestants in order" in_json \
  '[.contestants[].name] | contains(["plain veth","xdp-mesh","wireguard-go","daemon"]) and .[0] == "plain veth"'
for name in "plain veth" xdp-mesh wireguard-go daemon; do
  check "JSON: $name has figures" in_json "
    .contestants[] | select(.name == \"$name\").metrics |
    ([.tcp1, .udp1300_received, .rtt_p50, .rtt_p99, .cpu_machine] |
      all(.samples | length == 1 and (.[0].round == 1) and .[0].value >= 0)) and .tcp1.median > 0"
done
for name in xdp-mesh wireguard-go daemon; do
  check "JSON: $name has CPU time and memory with 1,000 peers" in_json "
    .contestants[] | select(.name == \"$name\").metrics |
    .cpu_a.median > 0 and .cpu_b.median > 0 and .rss_thousand.median > 0"
done
check "JSON: the version that wireguard-go tells" in_json \
  '.contestants[] | select(.name == "wireguard-go").version | startswith("wireguard-go v")'
check "JSON: the engine and backend that ours runs with" in_json \
  '.contestants[] | select(.name == "xdp-mesh").details | startswith("AEAD ")'
check "JSON: the failure" in_json '.failures[] | select(.contestant == "broken").row == null'
check "SVG: well-formed" "$PYTHON" -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$TMP/chart.svg"
check "SVG: bars" grep -q '<rect x=' "$TMP/chart.svg"

# ---- ended from outside ---------------------------------------------------------------------------

in_the_middle() { grep -q 'xdp-mesh: TCP, 1 stream' "$TMP/bench.log"; }

for signal in INT TERM; do
  start_bench --only xdp-mesh --rows tcp1 --aead none --io none --json "$TMP/half.json"
  wait_for 20 in_the_middle
  kill "-$signal" "$BENCH"
  status=0
  wait "$BENCH" || status=$?
  check "SIG$signal: exit status 130" test "$status" -eq 130
  check "SIG$signal: nothing is left" wait_for 5 nothing_left "$BENCH"
  check "SIG$signal: what was measured is printed" grep -Eq '^TCP.*Gbit/s +[0-9.]+' "$TMP/out"
  check "SIG$signal: marked as interrupted" grep -q 'interrupted' "$TMP/out"
  check "SIG$signal: in the JSON too" jq -e '.interrupted' "$TMP/half.json"
done

start_bench --only wireguard-go --rows tcp1 --aead none --io none
wait_for 20 grep -q 'wireguard-go: TCP, 1 stream' "$TMP/bench.log"
INSIDE=$(pgrep -P "$BENCH")
disown "$BENCH"
kill -KILL "$BENCH"
check "SIGKILL: nothing is left" wait_for 10 nothing_left "$BENCH"

# ---- refused at once ------------------------------------------------------------------------------

refused() { # WORDS COMMAND...
  local words=$1 status=0
  shift
  "$@" >"$TMP/out" 2>"$TMP/refused" || status=$?
  cat "$TMP/refused"
  ((status == 1)) && grep -q "$words" "$TMP/refused"
}
check "a file that cannot be written is known at the start" refused "cannot write" \
  "$UNDER_TEST" bench --quick --json /proc/no/such/file
check "without iperf3 it says how to get it" refused "apt install iperf3" \
  env PATH=/nonexistent "$UNDER_TEST" bench --quick
cp "$UNDER_TEST" "$TMP/xdp-mesh"
chmod 755 "$TMP" "$TMP/xdp-mesh"
check "it has to be root" refused "as root" setpriv --reuid=65534 --clear-groups "$TMP/xdp-mesh" bench
