#!/usr/bin/env bash
# More than fits: a TUN queue that nobody empties, a receiver that stands still, floods beyond what
# the tunnel carries. Packets are lost, nothing else is.
source "$(dirname "$0")/lib.sh"

setup
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
check "the tunnel works" ping_ok "$A" 10.77.0.2

dropped_at_a() { in_ns "$A" cat "/sys/class/net/$WA/statistics/tx_dropped"; }
flood_in() { traffic_in "$1" flood "$2" 9 --size "$3" --seconds "$4"; }
alive() { kill -0 "${WG_PID[$WA]}" && kill -0 "${WG_PID[$WB]}"; }
rss() { awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$1]}/status"; }

# ---- a queue that nobody empties
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" fd77::1
before=$(dropped_at_a)
kill -STOP "${WG_PID[$WA]}"
check "the process stands still, packets are sent into the tunnel" flood_in "$A" 10.77.0.2 1300 0.5
check "the kernel's queue was full" test "$(dropped_at_a)" -gt "$before"
kill -CONT "${WG_PID[$WA]}"
check "it goes on: the stream from A moves" stream_moves up
check "it goes on: the stream from B moves" stream_moves down
check "it goes on: ping" ping_ok "$A" 10.77.0.2

# ---- a receiver that stands still
kill -STOP "${WG_PID[$WB]}"
check "the other end stands still, packets are sent to it" flood_in "$A" 10.77.0.2 1300 0.5
kill -CONT "${WG_PID[$WB]}"
check "it goes on: the stream from A moves" stream_moves up
check "it goes on: the stream from B moves" stream_moves down

# ---- floods, both ways at once
both_ways() { # SIZE
  flood_in "$A" 10.77.0.2 "$1" 1 &
  local other=$!
  flood_in "$B" fd77::1 "$1" 1
  wait "$other"
}
for size in 16 64 1300 1392 4000 60000; do
  check "a flood of $size bytes both ways at once" both_ways "$size"
  check "after $size bytes: both processes live" alive
  check "after $size bytes: ping" ping_ok "$A" 10.77.0.2
done
check "the stream from A moves" stream_moves up
check "the stream from B moves" stream_moves down
note "resident memory: $(rss "$WA") and $(rss "$WB") kB"
check "memory stays bounded" test "$(rss "$WA")" -lt 400000 -a "$(rss "$WB")" -lt 400000

# ---- a queue of one packet
ip -n "$A" link set "$WA" txqueuelen 1
check "a queue of one packet: the stream from A moves" stream_moves up
ip -n "$A" link set "$WA" txqueuelen 1000
check "a long queue again: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
