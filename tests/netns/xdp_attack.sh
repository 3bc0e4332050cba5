#!/usr/bin/env bash
# Packets of somebody who sees the wire, against an interface with XDP attached: replays, forgeries of
# live sessions, floods and nonsense. The replay window does not move, the tunnel does not stall, and
# each of them is counted where it dies.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
check "the tunnel works" ping_ok "$A" 10.77.0.2

# ---- what the program and the agent know ----------------------------------------------------------
# next_counters: of every live session of B, one past the highest counter that was authenticated.
next_counters() {
  local slot
  for slot in $(bpftool -j map dump pinned "$(pins_of "$B" u0)/xm_sessions" |
    jq '.[].formatted.value | select(.state == 1 and .slot < 4096) | .slot'); do
    bpftool -j map lookup pinned "$(pins_of "$B" u0)/xm_replay" \
      key $((slot & 255)) $((slot >> 8)) 0 0 | jq '.formatted.value.next'
  done
}
windows_are() {
  printf 'counters before: %s, now: %s\n' "$1" "$(next_counters | paste -sd' ')"
  [[ $1 && $(next_counters | paste -sd' ') == "$1" ]]
}
# Of everything that dies, by the program or by the agent.
deaths() {
  figure "$B" "$WB" '[.drops[]] + [.interfaces[0].verdicts | to_entries[] |
    select(.key | startswith("drop_")) | .value.packets] | add'
}
deaths_above() {
  printf 'died: %s, expected more than %s\n' "$(deaths)" "$1"
  (($(deaths) > $1))
}
alive() { kill -0 "${WG_PID[$WB]}"; }

# ---- a capture ------------------------------------------------------------------------------------
# capture FILE: the frames of 200 datagrams that A sends through the tunnel.
capture() {
  local tap
  in_background "$A" "$PYTHON" "$HERE/traffic.py" frames u0 51820 "$1"
  tap=$LAST_PID
  wait_for 10 test -e "$1"
  in_ns "$A" ping -n -q -c 200 -i 0.005 -w 15 -s 400 10.77.0.2
  wait_for 10 has_lines "$1" 150
  kill "$tap"
}
has_lines() { (($(wc -l <"$1") >= $2)); }
inject() { # FILE KIND COUNT
  traffic_in "$A" inject u0 "$@"
}

# injected MODE KIND COUNT VERDICT-OR-DROP...: what is said of what died rises, no window moves.
injected() {
  local mode=$1 kind=$2 count=$3 name=$4 where=$5 before windows
  before=$("$where" "$B" "$WB" "$name")
  windows=$(next_counters | paste -sd' ')
  check "$mode: $kind: sent" inject "$TMP/frames" "$kind" --count "$count"
  check "$mode: $kind: counted as $name" \
    wait_for 20 "${where}_above" "$B" "$WB" "$name" $((before + count * 9 / 10))
  check "$mode: $kind: no window moved" windows_are "$windows"
  check "$mode: $kind: the tunnel works" ping_ok "$A" 10.77.0.2
}

# drowned CHUNKS: while the agent does not run, and before its program notices, every chunk of the
# queue is given a frame that the agent will refuse.
drowned() {
  local try before
  for ((try = 0; try < 5; try++)); do
    sleep 0.5 # let it beat
    before=$(pinned_verdict "$B" u0 redirect)
    inject "$TMP/frames" checksum-wrong --count 4000 --rate 1000000 --frozen "${WG_PID[$WB]}"
    printf 'redirected: %s\n' $(($(pinned_verdict "$B" u0 redirect) - before))
    (($(pinned_verdict "$B" u0 redirect) - before >= $1)) && return 0
  done
  return 1
}

# refused_all MODE: none of the chunks is lost by it, and the queue goes on.
refused_all() {
  local mode=$1 chunks before
  chunks=$(figure "$B" "$WB" '.interfaces[0].queues[0].chunks')
  before=$(dropped "$B" "$WB" outer_checksum)
  check "$mode: every chunk holds a frame that is refused" drowned "$chunks"
  # Up to 63 chunks may have been in the worker's hands.
  check "$mode: they are counted" \
    wait_for 20 dropped_above "$B" "$WB" outer_checksum $((before + chunks - 64))
  check "$mode: the chunks are the kernel's again" wait_for 10 chunks_are_conserved "$B" "$WB"
  before=$(verdict "$B" "$WB" redirect)
  check "$mode: the tunnel works" ping_ok "$A" 10.77.0.2
  check "$mode: by XDP" verdict_above "$B" "$WB" redirect "$before"
  check "$mode: and says so" receives_by "$B" "$WB" xdp
}

under_attack() { # MODE
  local mode=$1 before windows kind
  check "$mode: attach" ours "$B" attach u0 --mode "$mode" --rx xdp
  check "$mode: a capture" capture "$TMP/frames"
  check "$mode: it came by XDP" wait_for 10 receives_by "$B" "$WB" xdp

  injected "$mode" as-captured 2000 drop_counter_replayed verdict
  injected "$mode" counter-worthless 1000 drop_counter_too_old verdict
  injected "$mode" index-unknown 1000 drop_unknown_index verdict
  injected "$mode" counter-ahead 2000 bad_tag dropped
  injected "$mode" body-changed 1000 bad_tag dropped
  injected "$mode" checksum-wrong 300 outer_checksum dropped
  injected "$mode" source-martian 300 outer_martian dropped
  injected "$mode" source-own 300 outer_martian dropped
  refused_all "$mode"

  windows=$(next_counters | paste -sd' ')
  before=$(deaths)
  for kind in cut grown mangled; do
    check "$mode: $kind: sent" inject "$TMP/frames" "$kind" --count 2000
  done
  check "$mode: malformed: of those that reach us, many are counted" \
    wait_for 20 deaths_above $((before + 1000))
  check "$mode: malformed: no window moved" windows_are "$windows"
  check "$mode: malformed: the agent lives" alive
  check "$mode: malformed: B knows where A is" \
    endpoint_is "$WB" "${PUB[a]}" 192.0.2.1:51820
  check "$mode: malformed: the tunnel works" ping_ok "$A" 10.77.0.2
  check "$mode: every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"

  # While data moves: what is forged with counters far ahead would stall it if a window moved.
  STREAM_RATE=3000000 start_stream "stream_$mode" "$A" "$B" 10.77.0.2
  in_background "$A" "$PYTHON" "$HERE/traffic.py" inject u0 "$TMP/frames" counter-ahead \
    --count 1000000 --rate 3000 >/dev/null
  kind=$LAST_PID
  check "$mode: forged packets all along: the stream goes on" stream_moves "stream_$mode"
  check "$mode: forged packets all along: they go on too" kill -0 "$kind"
  kill "$kind"
  check "$mode: the stream is byte-exact" stop_stream "stream_$mode"

  # Initiations and responses whose mac1 is wrong, and a handshake in their middle.
  before=$(verdict "$B" "$WB" drop_bad_mac1)
  in_background "$A" "$PYTHON" "$HERE/traffic.py" strange 192.0.2.2 51820 wrong-mac1 \
    --key "${PUB[b]}" --source 192.0.2.1 --rate 5000 --seconds 60 >/dev/null
  kind=$LAST_PID
  check "$mode: initiations with a wrong mac1 are dropped and counted" \
    wait_for 20 verdict_above "$B" "$WB" drop_bad_mac1 $((before + 5000))
  sleep 1.1 # initiations are dated by the second
  before=$(latest_handshake "$WB")
  wg set "$WA" peer "${PUB[b]}" remove
  wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
  check "$mode: in their middle: the tunnel works" ping_ok "$A" 10.77.0.2
  check "$mode: in their middle: a handshake completed" handshake_after "$WB" "$before"
  check "$mode: in their middle: the agent heard none of them" \
    figure_is "$B" "$WB" .drops.handshake_bad_mac1 0
  kill "$kind"

  check "$mode: detach" ours "$B" detach u0
  check "$mode: nothing is left" nothing_is_left "$B" u0
}
under_attack native
under_attack generic
