#!/usr/bin/env bash
# The firewall mark: on every outer packet, handshakes and data, and followed when it changes.
source "$(dirname "$0")/lib.sh"

setup nft
two_hosts

all_marked() { # MARK; counters of packets with and without it
  counted_some "$A" "with_$1" && counted_none "$A" "without_$1"
}
count_marks() { # MARK
  in_ns "$A" nft flush ruleset
  count_packets "$A" output "with_$1" udp sport 51820 meta mark "$1"
  count_packets "$A" output "without_$1" udp sport 51820 meta mark '!=' "$1"
}
traffic_both_ways() {
  ping_ok "$A" 10.77.0.2
  ping_ok "$B" fd77::1
  bulk_both 10.77.0.1 10.77.0.2
}

for family in 4 6; do
  start_wg "$A" "$WA" "$UNDER_TEST"
  start_wg "$B" "$WB" "$UNDER_TEST"
  count_marks 0x1234
  wg set "$WA" fwmark 0x1234
  configure_pair "$family"
  check "outside IPv$family, set before the first handshake: traffic" traffic_both_ways
  check "outside IPv$family: every packet has the mark" all_marked 0x1234
  wg set "$WA" fwmark 0x77
  count_marks 0x77
  check "outside IPv$family, changed in a running tunnel: traffic" traffic_both_ways
  check "outside IPv$family: every packet has the new mark" all_marked 0x77
  wg set "$WA" listen-port 40000
  wg set "$WA" listen-port 51820
  count_marks 0x77
  check "outside IPv$family, after the port was changed and back: traffic" traffic_both_ways
  check "outside IPv$family: every packet still has it" all_marked 0x77
  wg set "$WA" fwmark off
  count_marks 0
  check "outside IPv$family, taken off: traffic" traffic_both_ways
  check "outside IPv$family: no packet has a mark" all_marked 0
  stop_tunnel
done

# The use it is for: the mark chooses a routing table. Here the other table leads nowhere.
start_wg "$A" "$WA" "$UNDER_TEST"
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4
in_ns "$A" nft flush ruleset
ip -n "$A" rule add not fwmark 0x99 to 192.0.2.2 table 7
ip -n "$A" route add 192.0.2.2 dev lo table 7
wg set "$WA" peer "${PUB[b]}" persistent-keepalive 1
check "a rule leads unmarked packets astray: nothing gets through" \
  ping_lost "$A" 10.77.0.2
wg set "$WA" fwmark 0x99
check "with the mark the route is found" wait_for 30 ping_ok "$A" 10.77.0.2
