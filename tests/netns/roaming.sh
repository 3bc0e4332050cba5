#!/usr/bin/env bash
# Endpoints that change while data moves: addresses, ports and the outer family, at either end.
# The streams go on and arrive byte for byte.
source "$(dirname "$0")/lib.sh"

setup
two_hosts

move() { # HOST OLD-ADDRESS NEW-ADDRESS
  ip -n "$1" addr del "$2" dev u0
  address "$1" u0 "$3"
}

streams_move() { stream_moves up && stream_moves down; }

tunnel "$UNDER_TEST" "$UNDER_TEST"
check "the tunnel works before anything moves" ping_ok "$A" 10.77.0.2
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" fd77::1

move "$A" 192.0.2.1/24 192.0.2.11/24
check "A's address changes: both streams go on" streams_move
check "A's address changes: B has the new endpoint" \
  wait_for 10 endpoint_is "$WB" "${PUB[a]}" 192.0.2.11:51820

wg set "$WA" listen-port 40001
check "A's port changes: both streams go on" streams_move
check "A's port changes: B has the new endpoint" \
  wait_for 10 endpoint_is "$WB" "${PUB[a]}" 192.0.2.11:40001

wg set "$WB" listen-port 40002
check "B's port changes: both streams go on" streams_move
check "B's port changes: A has the new endpoint" \
  wait_for 10 endpoint_is "$WA" "${PUB[b]}" 192.0.2.2:40002

move "$B" 192.0.2.2/24 192.0.2.22/24
check "B's address changes: both streams go on" streams_move
check "B's address changes: A has the new endpoint" \
  wait_for 10 endpoint_is "$WA" "${PUB[b]}" 192.0.2.22:40002

# What B had sent to the old address when it was told moves A back, and A then moves B: roaming has no
# memory. So it is told until both ends have stayed there while another megabyte went each way, when
# nothing sent before is still under way.
both_have_ipv6() {
  endpoint_is "$WB" "${PUB[a]}" '[2001:db8::1]:40001' &&
    endpoint_is "$WA" "${PUB[b]}" '[2001:db8::2]:40002'
}
tell_and_look() {
  wg set "$WA" peer "${PUB[b]}" endpoint '[2001:db8::2]:40002'
  wait_for 1 both_have_ipv6 && streams_move && both_have_ipv6
}
check "A is told an IPv6 endpoint: B follows, both streams go on, it stays" \
  wait_for 30 tell_and_look

move "$A" 2001:db8::1/64 2001:db8::11/64
check "A's IPv6 address changes: both streams go on" streams_move
check "A's IPv6 address changes: B has the new endpoint" \
  wait_for 10 endpoint_is "$WB" "${PUB[a]}" '[2001:db8::11]:40001'

wg set "$WA" listen-port 40003
wg set "$WB" listen-port 40004 # only one of them can still be reached where it was last seen
wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.22:40004
check "both ports and the family change at once: both streams go on" streams_move

check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
