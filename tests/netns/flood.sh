#!/usr/bin/env bash
# A flood of initiations whose mac1 verifies: cookies are asked for, the tunnel keeps moving data, a
# legitimate handshake completes in the middle of it.
source "$(dirname "$0")/lib.sh"

setup nft
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
strangers=()
for i in {101..108}; do
  address "$A" u0 "192.0.2.$i/24"
  strangers+=("192.0.2.$i")
done
check "the tunnel works" ping_ok "$A" 10.77.0.2

# By type and length: a response has 92 bytes, a cookie reply 64, and UDP adds 8.
count_packets "$B" output cookies udp sport 51820 udp length 72 @th,64,8 3
count_packets "$B" output responses ip daddr '!=' 192.0.2.1 udp sport 51820 udp length 100
count_packets "$B" input flooded ip saddr 192.0.2.101-192.0.2.108 udp dport 51820

rss() { awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$WB]}/status"; }
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" 10.77.0.1
before=$(rss)
in_background "$A" "$PYTHON" "$HERE/traffic.py" strange 192.0.2.2 51820 initiation \
  --key "${PUB[b]}" --source "${strangers[@]}" --rate 20000 --seconds 60 >/dev/null
flood=$LAST_PID
arriving() { (($(counted "$B" flooded) > 20000)); }
check "initiations arrive by the thousand" wait_for 20 arriving
check "cookie replies appear" wait_for 20 counted_some "$B" cookies
check "both streams go on" stream_moves up
check "both streams go on" stream_moves down

# A starts anew, as after a restart: its initiation is answered by a cookie, its next one counts.
sleep 1.1
handshake=$(latest_handshake "$WB")
wg set "$WA" peer "${PUB[b]}" remove
wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
check "a legitimate handshake completes under the flood" \
  wait_for 40 handshake_after "$WB" "$handshake"
check "both streams go on after it" stream_moves up
check "both streams go on after it" stream_moves down
check "the flood still goes on" kill -0 "$flood"
note "$(counted "$B" flooded) initiations, $(counted "$B" cookies) cookie replies," \
  "resident memory $before kB, then $(rss) kB"
check "no stranger was answered with a handshake" counted_none "$B" responses
check "memory stays bounded" test $(($(rss) - before)) -lt 32768
kill "$flood"
check "after the flood: ping" ping_ok "$B" 10.77.0.1
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
