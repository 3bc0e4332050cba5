#!/usr/bin/env bash
# One end behind a masquerading router: who can reach whom, a router that forgets and rebinds the
# mapping in the middle of a transfer, and a persistent keepalive that holds the mapping.
source "$(dirname "$0")/lib.sh"

setup nft conntrack sysctl
hosts_behind_nat

masquerade_from 41000-41099
start_wg "$A" "$WA" "$UNDER_TEST"
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4
wg set "$WB" peer "${PUB[a]}" remove
wg set "$WB" peer "${PUB[a]}" allowed-ips 10.77.0.1/32,fd77::1/128

seen_at() { [[ $(endpoint_of "$WB" "${PUB[a]}") == 192.0.2.1:$1* ]]; }
keepalives_arrive() { wait_for 10 received_beyond "$WB" "$(($(received "$WB") + 90))"; }
received_beyond() { (($(received "$1") >= $2)); }

check "from behind the router to the open host" ping_ok "$A" 10.77.0.2
check "and back through the mapping" ping_ok "$B" fd77::1
check "the open host sees the router's address" seen_at 410
check "TCP both ways" bulk_both 10.77.0.1 10.77.0.2

start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" 10.77.0.1
masquerade_from 42000-42099
check "the mapping changes: the stream from inside goes on" stream_moves up
check "the mapping changes: the stream from outside goes on" stream_moves down
check "the mapping changes: the open host follows" seen_at 420
masquerade_from 43000-43099
check "and once more: the stream from inside goes on" stream_moves up
check "and once more: the stream from outside goes on" stream_moves down
check "the stream from inside is byte-exact" stop_stream up
check "the stream from outside is byte-exact" stop_stream down

wg set "$WA" peer "${PUB[b]}" persistent-keepalive 1
in_ns "$M" sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 \
  net.netfilter.nf_conntrack_udp_timeout_stream=2
check "persistent keepalives reach the open host without other traffic" keepalives_arrive
masquerade_from 44000-44099
check "a quiet tunnel: the mapping changes, a keepalive tells the open host" \
  wait_for 10 seen_at 440
check "the open host reaches inside without being asked" ping_ok "$B" 10.77.0.1
check "with short-lived mappings the keepalive holds it" keepalives_arrive
check "the open host still reaches inside" ping_ok "$B" fd77::1

wg set "$WA" peer "${PUB[b]}" persistent-keepalive 0
mapping_gone() { [[ ! $(in_ns "$M" conntrack -L -p udp 2>/dev/null) ]]; }
check "without the keepalive the mapping goes away" wait_for 30 mapping_gone
check "and comes back with the first packet from inside" ping_ok "$A" 10.77.0.2
