#!/usr/bin/env bash
# Somebody on the way is slower than what is sent: the application behind the tunnel, the device, the
# socket, the peer, or the agent itself. What does not fit is lost and counted, what arrives is in
# order, and all goes on afterwards. With both kinds of I/O.
source "$(dirname "$0")/lib.sh"

setup jq tc
two_hosts
STREAM_RATE=5000000

flood_in() { traffic_in "$1" flood "$2" "$3" --size 1300 --seconds 1; }
alive() { kill -0 "${WG_PID[$WA]}" && kill -0 "${WG_PID[$WB]}"; }
rss() { awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$1]}/status"; }
bounded() { (($(rss "$1") < 100000)); }
dropped() { # HOST INTERFACE REASON...
  in_ns "$1" "$UNDER_TEST" status --json "$2" |
    jq '[.drops[$ARGS.positional[]]] | add' --args "${@:3}"
}
dropped_more() { # BEFORE HOST INTERFACE REASON...
  printf '%s before, %s now\n' "$1" "$(dropped "${@:2}")"
  (($(dropped "${@:2}") > $1))
}
queue_dropped() { tc -n "$A" -s -j qdisc show dev u0 | jq '.[0].drops'; }
all_moves() { stream_moves up && stream_moves down && flow_moves flow; }

# goes_on EVENT: what holds after everything that happens here.
goes_on() {
  check "$io, $1: both agents live" alive
  check "$io, $1: both streams and the UDP flow go on" all_moves
}

slow_reader() {
  local at_b pid
  start_stream idle "$A" "$B" 10.77.0.2
  at_b=${STREAM_PID[idle]%% *}
  kill -STOP "$at_b"
  in_background "$B" "$PYTHON" "$HERE/traffic.py" echo 7009
  pid=$LAST_PID
  wait_for 10 udp_bound "$B" 7009
  kill -STOP "$pid"
  check "$io: a flood to a socket that nobody reads" flood_in "$A" 10.77.0.2 7009
  goes_on "readers stand still"
  kill -CONT "$at_b"
  kill -CONT "$pid"
  kill -TERM "$pid"
  check "$io: the reader goes on, its stream with it" stream_moves idle
  check "$io: its stream is byte-exact" stop_stream idle
}

device_down() {
  local pid
  in_background "$A" "$PYTHON" "$HERE/traffic.py" flood 10.77.0.2 9 --seconds 1.5 >/dev/null
  pid=$LAST_PID
  ip -n "$B" link set "$WB" down
  wait_for 20 ended "$pid"
  ip -n "$B" link set "$WB" up
  address "$B" "$WB" fd77::2/64 # IPv6 addresses go with the link
  goes_on "B's device was down in a flood"
}

# When its queue is short the kernel drops from it; when it is long the socket's buffer ends before it
# does, and nothing fits again within the time for which a worker waits.
slow_link() {
  local before
  tc -n "$A" qdisc replace dev u0 root tbf rate 200mbit burst 64k limit 100k
  check "$io: a flood into a slow link with a short queue" flood_in "$A" 10.77.0.2 9
  check "$io, short queue: the kernel dropped from it" test "$(queue_dropped)" -gt 0
  goes_on "short queue"
  tc -n "$A" qdisc del dev u0 root

  before=$(dropped "$A" "$WA" send_queue_full)
  tc -n "$A" qdisc replace dev u0 root tbf rate 2mbit burst 64k limit 1g
  in_background "$A" "$PYTHON" "$HERE/traffic.py" flood 10.77.0.2 9 --seconds 60 >/dev/null
  check "$io: a flood into a slow link with a long queue: A counts what the socket does not take" \
    wait_for 50 dropped_more "$before" "$A" "$WA" send_queue_full
  kill "$LAST_PID"
  tc -n "$A" qdisc del dev u0 root
  goes_on "long queue"
}

link_down() {
  local before pid
  before=$(dropped "$A" "$WA" send_queue_full send_failed)
  in_background "$A" "$PYTHON" "$HERE/traffic.py" flood 10.77.0.2 9 --seconds 1.5 >/dev/null
  pid=$LAST_PID
  sleep 0.3
  ip -n "$A" link set u0 down
  wait_for 20 ended "$pid"
  check "$io: A counted what it could not send" \
    dropped_more "$before" "$A" "$WA" send_queue_full send_failed
  ip -n "$A" link set u0 up
  address "$A" u0 2001:db8::1/64
  goes_on "the outer link was down in a flood"
}

standstill() { # END INTERFACE
  kill -STOP "${WG_PID[$2]}"
  sleep 3
  kill -CONT "${WG_PID[$2]}"
  goes_on "$1 stood still for 3 s"
}

# B is killed, and started again as it was.
killed() {
  wg showconf "$WB" >"$TMP/b.conf"
  stop_wg "$WB" KILL
  rm -f "$UAPI_DIR/$WB.sock"
  start_wg "$B" "$WB" "$UNDER_TEST" --io "$io"
  wg setconf "$WB" "$TMP/b.conf"
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64
  ip -n "$B" link set "$WB" mtu 1420 up
  goes_on "B was killed and started again"
}

# What an agent says when it cannot have what it is asked for: nothing when it can.
try_ring() {
  ip netns exec "$A" timeout 2 "$UNDER_TEST" -f --io uring "$WA" >"$TMP/try" 2>&1 || true
  grep -m 1 'cannot make an io_uring' "$TMP/try" || true
}
kinds=(syscall)
fault=$(try_ring)
if [[ $fault ]]; then note "left out: --io uring: $fault"; else kinds+=(uring); fi

for io in "${kinds[@]}"; do
  start_wg "$A" "$WA" "$UNDER_TEST" --io "$io"
  start_wg "$B" "$WB" "$UNDER_TEST" --io "$io"
  configure_pair 4
  start_stream up "$A" "$B" 10.77.0.2
  start_stream down "$B" "$A" fd77::1
  start_numbers flow "$A" "$B" fd77::2 --rate 2000
  slow_reader
  device_down
  slow_link
  link_down
  standstill A "$WA"
  standstill B "$WB"
  killed
  note "$io: resident memory $(rss "$WA") and $(rss "$WB") kB"
  check "$io: A's memory stays bounded" bounded "$WA"
  check "$io: B's memory stays bounded" bounded "$WB"
  check "$io: the stream from A is byte-exact" stop_stream up
  check "$io: the stream from B is byte-exact" stop_stream down
  check "$io: the UDP flow came in order" stop_numbers flow
  rm -f "$TMP"/{up,down,idle,flow}.*
  stop_tunnel
done
