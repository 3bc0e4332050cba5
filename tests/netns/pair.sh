#!/usr/bin/env bash
# Two of ours: everything an ordinary tunnel carries, over IPv4 and IPv6, with and without a
# preshared key.
source "$(dirname "$0")/lib.sh"

setup
two_hosts
wg genpsk >"$TMP/psk"

counters_move() {
  local before_a before_b
  before_a=$(sent "$WA") before_b=$(received "$WB")
  bulk "$A" "$B" 10.77.0.2 1000000
  (($(sent "$WA") > before_a + 1000000)) && (($(received "$WB") > before_b + 1000000))
}

refused_psk() {
  wg genpsk >"$TMP/other-psk"
  wg set "$WA" peer "${PUB[b]}" remove
  wg set "$WA" peer "${PUB[b]}" preshared-key "$TMP/other-psk" endpoint 192.0.2.2:51820 \
    allowed-ips 10.77.0.2/32,fd77::2/128
  ping_lost "$A" 10.77.0.2
}

for family in 4 6; do
  tunnel "$UNDER_TEST" "$UNDER_TEST" "$family"
  start_echo "$B"
  check "outside IPv$family: ping, IPv4 inside" ping_ok "$A" 10.77.0.2
  check "outside IPv$family: ping, IPv6 inside" ping_ok "$B" fd77::1
  check "outside IPv$family: pings of the MTU exactly, not fragmented" \
    ping_ok "$A" 10.77.0.2 -M "do" -s $((1420 - 28))
  check "outside IPv$family: IPv6 pings of the MTU exactly" \
    ping_ok "$A" fd77::2 -M "do" -s $((1420 - 48))
  check "outside IPv$family: larger pings, fragmented inside" ping_ok "$A" 10.77.0.2 -s 8000
  check "outside IPv$family: larger IPv6 pings, fragmented inside" ping_ok "$A" fd77::2 -s 8000
  check "outside IPv$family: TCP in both directions at once, IPv4 inside" \
    bulk_both 10.77.0.1 10.77.0.2
  check "outside IPv$family: TCP in both directions at once, IPv6 inside" bulk_both fd77::1 fd77::2
  for size in 8 64 1392 1393 8000; do
    check "outside IPv$family: 150 UDP datagrams of $size bytes there and back" \
      udp_ok "$A" 10.77.0.2 150 "$size"
  done
  check "outside IPv$family: 150 UDP datagrams of 1372 bytes there and back, IPv6 inside" \
    udp_ok "$A" fd77::2 150 1372
  check "outside IPv$family: wg show counts what was carried" counters_move
  stop_tunnel
  tunnel "$UNDER_TEST" "$UNDER_TEST" "$family" "$TMP/psk"
  check "outside IPv$family, preshared key: ping" ping_ok "$B" 10.77.0.1
  check "outside IPv$family, preshared key: TCP" bulk "$A" "$B" fd77::2
  check "outside IPv$family, preshared keys that differ: nothing gets through" refused_psk
  stop_tunnel
done

start_wg "$A" "$WA" "$UNDER_TEST"
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4
ip -n "$A" link set u0 mtu 1300
ip -n "$B" link set u0 mtu 1300
check "a path smaller than the outer packets: they are fragmented outside, pings get through" \
  ping_ok "$A" 10.77.0.2 -M "do" -s $((1420 - 28))
check "a path smaller than the outer packets: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
