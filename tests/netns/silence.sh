#!/usr/bin/env bash
# 100,000 packets from somebody who is no peer, over IPv4 and IPv6: nothing is answered, nothing
# changes, the tunnel goes on.
source "$(dirname "$0")/lib.sh"

setup nft
two_hosts
start_wg "$A" "$WA" "$UNDER_TEST"
start_wg "$B" "$WB" "$UNDER_TEST"
in_background "$A" "$PYTHON" "$HERE/traffic.py" capture u0 51820 "$TMP/captured"
capture_pid=$LAST_PID
wait_for 10 test -e "$TMP/captured"
configure_pair 4
address "$A" u0 192.0.2.66/24 2001:db8::66/64

captured_all() { # an initiation, a response and enough data
  grep -q '^01000000' "$TMP/captured" && grep -q '^02000000' "$TMP/captured" &&
    (($(grep -c '^04000000' "$TMP/captured") > 100))
}
check "the tunnel works" ping_ok "$A" 10.77.0.2
start_echo "$B"
# Small ones, one by one: what leaves in one segmented send would be captured as one packet.
check "and carries what can be replayed later" udp_ok "$A" 10.77.0.2 150 64
check "a handshake and data are captured on the way" wait_for 10 captured_all
kill "$capture_pid"
sed -i '$d' "$TMP/captured" # the last line may be cut short

# Everything from B to the stranger: answers, and complaints by ICMP.
count_packets "$B" output answers_4 ip daddr 192.0.2.66
count_packets "$B" output answers_6 ip6 daddr 2001:db8::66 meta l4proto udp
count_packets "$B" output complaints_6 ip6 daddr 2001:db8::66 icmpv6 type destination-unreachable
count_packets "$B" input asked_4 ip saddr 192.0.2.66 udp dport 51820
count_packets "$B" input asked_6 ip6 saddr 2001:db8::66 udp dport 51820

endpoint=$(endpoint_of "$WB" "${PUB[a]}")
handshake=$(latest_handshake "$WB")
bytes_received=$(received "$WB") bytes_sent=$(sent "$WA")

strange_in_a() { # KIND COUNT [OPTION...]
  local half=$(($2 / 2)) options=(--key "${PUB[b]}" --captured "$TMP/captured" "${@:3}")
  traffic_in "$A" strange 192.0.2.2 51820 "$1" --source 192.0.2.66 --count "$half" "${options[@]}"
  traffic_in "$A" strange 2001:db8::2 51820 "$1" --source 2001:db8::66 --count "$half" \
    "${options[@]}"
}
# Kinds with a mac1 that verifies come first and slowly: under load a cookie would be a right answer.
for step in "initiation 20 --rate 40" "replayed 5000 --rate 5000" "forged 15000" "misshapen 15000" \
  "other-types 25000" "random 20000" "wrong-mac1 20000"; do
  read -r kind count options <<<"$step"
  # shellcheck disable=SC2086
  check "$count packets of kind $kind are sent" strange_in_a "$kind" "$count" $options
  check "$kind: the tunnel works meanwhile" ping_ok "$A" 10.77.0.2
  check "$kind: no answer over IPv4" counted_none "$B" answers_4
  check "$kind: no answer over IPv6" counted_none "$B" answers_6
  check "$kind: no ICMP complaint over IPv6" counted_none "$B" complaints_6
done
arrived=$(($(counted "$B" asked_4) + $(counted "$B" asked_6)))
note "$arrived packets arrived at the port"
check "100,000 packets arrived" test "$arrived" -ge 100000
check "the peer's endpoint is what it was" endpoint_is "$WB" "${PUB[a]}" "$endpoint"
check "no handshake came of it" test "$(latest_handshake "$WB")" -eq "$handshake"
check "nothing but the peer's own counts as received" \
  test $(($(received "$WB") - bytes_received)) -le $(($(sent "$WA") - bytes_sent))
check "the tunnel still works" ping_ok "$A" 10.77.0.2
check "and carries data both ways" bulk_both fd77::1 fd77::2
