#!/usr/bin/env bash
# The outer header's traffic class: ECN as in RFC 6040 in both directions, DSCP 0x88 on handshakes
# and 0 on data whatever the inner packet has.
source "$(dirname "$0")/lib.sh"

setup nft sysctl
two_hosts

DATA='udp length > 100'
# ping -Q sets the inner traffic class: 2 is ECT(0), 1 ECT(1), 3 CE, 0xb8 DSCP EF.
declare -A CLASS=([not-ect]=0 [ect0]=2 [ect1]=1 [ce]=3)
outer_word() { # FAMILY: what nft calls the outer header
  [[ $1 == 4 ]] && echo ip || echo ip6
}
copied() { # FAMILY ECN INNER-ADDRESS
  local word
  word=$(outer_word "$1")
  in_ns "$A" nft flush ruleset
  count_packets "$A" output same "udp sport 51820 $DATA $word ecn $2"
  count_packets "$A" output other "udp sport 51820 $DATA $word ecn != $2"
  ping_ok "$A" "$3" -Q "${CLASS[$2]}" -s 200
  counted_some "$A" same && counted_none "$A" other
}
dscp_not_copied() { # FAMILY
  local word
  word=$(outer_word "$1")
  in_ns "$A" nft flush ruleset
  count_packets "$A" output plain "udp sport 51820 $DATA $word dscp 0"
  count_packets "$A" output other "udp sport 51820 $DATA $word dscp != 0"
  ping_ok "$A" 10.77.0.2 -Q 0xb8 -s 200
  counted_some "$A" plain && counted_none "$A" other
}
# arrives FAMILY SENT EXPECTED INNER-ADDRESS: with an outer CE set on the way.
arrives() {
  local word inner=ip
  word=$(outer_word "$1")
  [[ $4 == *:* ]] && inner=ip6
  in_ns "$A" nft flush ruleset
  in_ns "$B" nft flush ruleset
  in_ns "$A" nft -f - <<NFT
table inet congestion {
  chain out {
    type filter hook output priority 0;
    udp sport 51820 $DATA $word ecn set ce
  }
}
NFT
  count_packets "$B" input expected "iifname $WB $inner daddr $4 $inner ecn $3"
  count_packets "$B" input other "iifname $WB $inner daddr $4 $inner ecn != $3"
  ping_ok "$A" "$4" -Q "${CLASS[$2]}" -s 200
  in_ns "$A" nft flush ruleset
  counted_some "$B" expected && counted_none "$B" other
}

for family in 4 6; do
  word=$(outer_word "$family")
  start_wg "$A" "$WA" "$UNDER_TEST"
  start_wg "$B" "$WB" "$UNDER_TEST"
  # An initiation has 148 bytes, a response 92; UDP adds 8. DSCP 0x22 is a traffic class of 0x88.
  count_packets "$A" output initiation "udp sport 51820 udp length 156 $word dscp 0x22"
  count_packets "$A" output initiation_not "udp sport 51820 udp length 156 $word dscp != 0x22"
  count_packets "$B" output response "udp sport 51820 udp length 100 $word dscp 0x22"
  count_packets "$B" output response_not "udp sport 51820 udp length 100 $word dscp != 0x22"
  configure_pair "$family"
  check "outside IPv$family: ping" ping_ok "$A" 10.77.0.2
  check "outside IPv$family: the initiation has traffic class 0x88" counted_some "$A" initiation
  check "outside IPv$family: every one has" counted_none "$A" initiation_not
  check "outside IPv$family: the response has traffic class 0x88" counted_some "$B" response
  check "outside IPv$family: every one has" counted_none "$B" response_not
  check "outside IPv$family: the inner DSCP does not show outside" dscp_not_copied "$family"
  for ecn in not-ect ect0 ect1 ce; do
    check "outside IPv$family: inner $ecn is copied to the outer header" \
      copied "$family" "$ecn" 10.77.0.2
    check "outside IPv$family: the same for IPv6 inside" copied "$family" "$ecn" fd77::2
  done
  for inner in 10.77.0.2 fd77::2; do
    check "outside IPv$family: outer CE reaches an inner ECT(0) packet to $inner" \
      arrives "$family" ect0 ce "$inner"
    check "outside IPv$family: outer CE reaches an inner ECT(1) packet to $inner" \
      arrives "$family" ect1 ce "$inner"
  done
  in_ns "$B" nft flush ruleset
  stop_tunnel
done

# With TCP: senders that negotiated ECN see the marks, and data stays whole.
tunnel "$UNDER_TEST" "$UNDER_TEST"
in_ns "$A" sysctl -qw net.ipv4.tcp_ecn=1
in_ns "$B" sysctl -qw net.ipv4.tcp_ecn=1
check "TCP with ECN: both ways, byte-exact" bulk_both 10.77.0.1 10.77.0.2
count_packets "$B" input inner_ce "iifname $WB ip ecn ce tcp dport 5001"
in_ns "$A" nft add table inet congestion
in_ns "$A" nft 'add chain inet congestion out { type filter hook output priority 0; }'
in_ns "$A" nft add rule inet congestion out udp sport 51820 ip ecn ect0 numgen random mod 20 == 0 \
  ip ecn set ce
check "TCP with ECN and marks on the way: byte-exact" bulk "$A" "$B" 10.77.0.2
check "the marks reached TCP" counted_some "$B" inner_ce
