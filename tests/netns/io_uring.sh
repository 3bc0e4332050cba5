#!/usr/bin/env bash
# Packets by io_uring at both ends and at one, with everything that moves sockets under it; and an
# agent whose io_uring is refused.
source "$(dirname "$0")/lib.sh"

setup jq
two_hosts

refusing() { in_ns "$A" "$PYTHON" "$HERE/traffic.py" refusing-io-uring "$@"; }

# What an agent says when it cannot have what it is asked for: nothing when it can.
try_ring() {
  ip netns exec "$A" timeout 2 "$UNDER_TEST" -f --io uring "$WA" >"$TMP/try" 2>&1 || true
  grep -m 1 'cannot make an io_uring' "$TMP/try" || true
}
fault=$(try_ring)
[[ -z $fault ]] || skip "$fault"

# io_tunnel OPTIONS-OF-A OPTIONS-OF-B [FAMILY]
io_tunnel() {
  local -a at_a at_b
  read -ra at_a <<<"$1"
  read -ra at_b <<<"$2"
  start_wg "$A" "$WA" "$UNDER_TEST" "${at_a[@]}"
  start_wg "$B" "$WB" "$UNDER_TEST" "${at_b[@]}"
  configure_pair "${3:-4}"
  start_echo "$B"
}

status_of() { in_ns "$A" "$UNDER_TEST" status --json "$1"; }
io_is() { status_of "$1" | jq -e --arg kind "$2" '.io.backend == $kind and .io.reason != ""'; }
no_fallback() { status_of "$1" | jq -e '[.fallbacks[] | select(.what == "io_uring")] == []'; }

carries() { # NAME
  check "$1: ping" ping_ok "$A" 10.77.0.2
  check "$1: TCP in both directions at once" bulk_both 10.77.0.1 10.77.0.2
  check "$1: the same, IPv6 inside" bulk_both fd77::1 fd77::2
  check "$1: many small UDP datagrams" traffic_in "$A" ping 10.77.0.2 7000 --count 3000 --size 32 \
    --rate 6000
  check "$1: large UDP datagrams, fragmented inside" udp_ok "$A" 10.77.0.2 100 20000
}

for ends in "uring uring 4" "uring uring 6" "uring syscall 4" "syscall uring 4"; do
  read -r kind_a kind_b family <<<"$ends"
  io_tunnel "--io $kind_a" "--io $kind_b" "$family"
  check "$ends: status says so at A" io_is "$WA" "$kind_a"
  check "$ends: status says so at B" io_is "$WB" "$kind_b"
  carries "$ends"
  check "$ends: no ring failed" no_fallback "$WA"
  stop_tunnel
done

# ---- sockets that come and go under the ring
io_tunnel "--io uring" "--io uring"
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" fd77::1
streams_move() { stream_moves up && stream_moves down; }
for port in 40001 40002 40001; do
  wg set "$WA" listen-port "$port"
  check "A's port becomes $port: both streams go on" streams_move
done
wg set "$WB" listen-port 40003
wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.2:40003
check "B's port changes: both streams go on" streams_move
wg set "$WB" peer "${PUB[a]}" remove
wg set "$WB" peer "${PUB[a]}" endpoint 192.0.2.1:40001 allowed-ips 10.77.0.1/32,fd77::1/128
check "a peer goes and comes back: both streams go on" streams_move
ip -n "$B" link set "$WB" down
ip -n "$B" link set "$WB" up
address "$B" "$WB" fd77::2/64 # IPv6 addresses go with the link
check "the device goes down and up: both streams go on" streams_move
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
check "no ring failed" no_fallback "$WA"
stop_tunnel

# ---- a kernel thread a worker
io_tunnel "--io uring --io-sqpoll --workers 1" "--io uring --workers 1"
check "with a kernel thread: TCP in both directions at once" bulk_both 10.77.0.1 10.77.0.2
check "with a kernel thread: UDP datagrams" udp_ok "$A" 10.77.0.2 150 64
stop_tunnel

# ---- the device is deleted under the ring
start_wg "$A" "$WA" "$UNDER_TEST" --io uring
ip -n "$A" link del "$WA"
check "a deleted device ends the agent" wait_for 10 ended "${WG_PID[$WA]}"
unset "WG_PID[$WA]"

# ---- io_uring is refused
refused_is_said() {
  status_of "$WA" |
    jq -e '.io.backend == "syscall" and (.fallbacks[] | select(.what == "io_uring").reason |
      contains("Operation not permitted") and contains("seccomp"))'
}
by_name_is_an_error() {
  ! refusing timeout 10 "$UNDER_TEST" -f --io uring "${RUN}x" 2>"$TMP/refused"
  cat "$TMP/refused"
  grep -q 'seccomp.*use --io syscall or auto' "$TMP/refused"
}
start_wg "$A" "$WA" "$PYTHON" "$HERE/traffic.py" refusing-io-uring "$UNDER_TEST" --io auto
start_wg "$B" "$WB" "$UNDER_TEST" --io uring
configure_pair 4
check "refused: TCP in both directions at once" bulk_both 10.77.0.1 10.77.0.2
check "refused: status names the reason" refused_is_said
check "refused: asked for by name it is an error that says what to do" by_name_is_an_error
