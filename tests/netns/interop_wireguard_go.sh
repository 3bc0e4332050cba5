#!/usr/bin/env bash
# Against Debian's wireguard-go, in both roles, IPv4 and IPv6 outside and inside, with and without
# a preshared key.
source "$(dirname "$0")/lib.sh"

setup
GO=$(command -v wireguard-go) || skip "wireguard-go is not installed (tools/deps installs it)"
two_hosts
wg genpsk >"$TMP/psk"
start_echo "$B"

# The side that must not initiate does not know where the other is until it was spoken to.
forget_endpoint() {
  local ifname=$1 peer=$2 ips=$3 psk=$4
  wg set "$ifname" peer "$peer" remove
  wg set "$ifname" peer "$peer" preshared-key "$psk" allowed-ips "$ips"
}

for family in 4 6; do
  for psk in /dev/null "$TMP/psk"; do
    with="outside IPv$family$([[ $psk == /dev/null ]] || echo ', preshared key')"

    tunnel "$UNDER_TEST" "$GO" "$family" "$psk"
    forget_endpoint "$WB" "${PUB[a]}" 10.77.0.1/32,fd77::1/128 "$psk"
    check "$with: we initiate, ping IPv4" ping_ok "$A" 10.77.0.2
    check "$with: we initiate, they answer with pings of theirs" ping_ok "$B" fd77::1
    check "$with: we initiate, TCP both ways, IPv4 inside" bulk_both 10.77.0.1 10.77.0.2
    stop_tunnel

    tunnel "$UNDER_TEST" "$GO" "$family" "$psk"
    forget_endpoint "$WA" "${PUB[b]}" 10.77.0.2/32,fd77::2/128 "$psk"
    check "$with: they initiate, ping IPv6" ping_ok "$B" fd77::1
    check "$with: they initiate, our pings" ping_ok "$A" 10.77.0.2
    check "$with: they initiate, TCP both ways, IPv6 inside" bulk_both fd77::1 fd77::2
    check "$with: they initiate, UDP of 1300 bytes" udp_ok "$A" 10.77.0.2 100 1300
    check "$with: they initiate, UDP of 4000 bytes" udp_ok "$A" fd77::2 100 4000
    stop_tunnel
  done
done

tunnel "$UNDER_TEST" "$GO"
ping_ok "$A" 10.77.0.2 >/dev/null
stop_wg "$WB" KILL
start_wg "$B" "$WB" "$GO"
configure_pair_b() {
  wg set "$WB" private-key "$TMP/b.key" listen-port 51820 peer "${PUB[a]}" \
    endpoint 192.0.2.1:51820 allowed-ips 10.77.0.1/32,fd77::1/128
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64
  ip -n "$B" link set "$WB" up
}
configure_pair_b
check "they restart and forget the session: they initiate anew" ping_ok "$B" 10.77.0.1
check "they restart: our traffic goes on" ping_ok "$A" fd77::2
