#!/usr/bin/env bash
# New handshakes while data moves. A session lasts 120 s before its initiator renews it, so the
# ordinary run forces handshakes by other means; XM_FULL=1 also waits for the renewal and asserts
# that not one of 1,000 packets a second is lost across it (135 s).
source "$(dirname "$0")/lib.sh"

setup
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
start_echo "$B"
check "the tunnel works" ping_ok "$A" 10.77.0.2

renewed_without_loss() {
  local before
  before=$(latest_handshake "$WA")
  udp_ok_long
  handshake_after "$WA" "$((before + 100))"
}
udp_ok_long() { traffic_in "$A" ping 10.77.0.2 7000 --count 130000 --size 200 --rate 1000; }

if [[ ${XM_FULL:-} ]]; then
  check "130 s at 1,000 packets a second, renewed after 120 s: none lost in either direction" \
    renewed_without_loss
fi

# A peer that is removed and added again has no session, so the next packet starts a handshake, while
# the other end still holds, and uses, the session from before.
start_anew() { # a or b
  if [[ $1 == a ]]; then
    wg set "$WA" peer "${PUB[b]}" remove
    wg set "$WA" peer "${PUB[b]}" preshared-key "$PSK" endpoint 192.0.2.2:51820 \
      allowed-ips 10.77.0.2/32,fd77::2/128
  else
    wg set "$WB" peer "${PUB[a]}" remove
    wg set "$WB" peer "${PUB[a]}" preshared-key "$PSK" endpoint 192.0.2.1:51820 \
      allowed-ips 10.77.0.1/32,fd77::1/128
  fi
}
PSK=/dev/null
streams_move() {
  stream_moves up
  stream_moves down
}

start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" 10.77.0.1
for round in 1 2; do
  for end in a b; do
    if [[ $end == a ]]; then other=$WB; else other=$WA; fi
    sleep 1.1 # handshake times are whole seconds: a new one must be told from the one before
    before=$(latest_handshake "$other")
    start_anew $end
    check "round $round, $end starts anew: a handshake under traffic" \
      wait_for 20 handshake_after "$other" "$before"
    check "round $round, $end starts anew: both streams go on" streams_move
  done
done

sleep 1.1
before=$(latest_handshake "$WA")
start_anew a
start_anew b
check "both start anew at once: a handshake" wait_for 20 handshake_after "$WA" "$before"
check "both start anew at once: both streams go on" streams_move

sleep 1.1
wg genpsk >"$TMP/psk"
before=$(latest_handshake "$WA")
wg set "$WA" peer "${PUB[b]}" preshared-key "$TMP/psk"
wg set "$WB" peer "${PUB[a]}" preshared-key "$TMP/psk"
check "a preshared key is set at both ends: the session in use goes on" streams_move
PSK=$TMP/psk
start_anew a
check "the next handshake uses it" wait_for 20 handshake_after "$WA" "$before"
check "and both streams go on" streams_move

wg genkey >"$TMP/a.key"
old=${PUB[a]}
PUB[a]=$(wg pubkey <"$TMP/a.key")
wg set "$WB" peer "$old" remove peer "${PUB[a]}" preshared-key "$TMP/psk" \
  allowed-ips 10.77.0.1/32,fd77::1/128
wg set "$WA" private-key "$TMP/a.key"
check "A gets another private key under traffic: a handshake with it" \
  wait_for 20 handshake_after "$WB" 0
check "and both streams go on" streams_move
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
