#!/usr/bin/env bash
# wg-quick up and down with WG_QUICK_USERSPACE_IMPLEMENTATION, in a namespace with an /etc/wireguard
# and a socket directory of its own (wg-quick and "wg show all" visit, and tidy
# up, every socket there); wg syncconf, show, showconf and dump on what it made.
source "$(dirname "$0")/lib.sh"

setup wg-quick unshare
two_hosts
if ip -n "$A" link add "${RUN}k" type wireguard 2>/dev/null; then
  skip "this kernel has a WireGuard module, which wg-quick prefers"
fi

genkeys a b
wg genpsk >"$TMP/psk"
mkdir -p "$TMP/etc" "$TMP/run" "$UAPI_DIR"
cat >"$TMP/etc/$WA.conf" <<CONF
[Interface]
PrivateKey = $(<"$TMP/a.key")
ListenPort = 51820
Address = 10.77.0.1/24, fd77::1/64
MTU = 1380
PostUp = echo "up %i" >>$TMP/hooks
PostDown = echo "down %i" >>$TMP/hooks

[Peer]
PublicKey = ${PUB[b]}
PresharedKey = $(<"$TMP/psk")
Endpoint = 192.0.2.2:51820
AllowedIPs = 10.77.0.2/32, fd77::2/128, 10.99.0.0/16, fd99::/32
PersistentKeepalive = 25
CONF
chmod 600 "$TMP/etc/$WA.conf"

# A mount namespace per command: the two directories are the test's, all else is as it was.
quick() {
  in_ns "$A" env WG_QUICK_USERSPACE_IMPLEMENTATION="$UNDER_TEST" LOG_LEVEL=error \
    unshare --mount bash -ec "mount --bind '$TMP/etc' /etc/wireguard
      mount --bind '$TMP/run' '$UAPI_DIR'
      \"\$@\"" - "$@"
}
has_address() { ip -n "$A" addr show dev "$WA" | grep "$1"; }
has_route() { [[ $(ip -n "$A" -"$1" route show "$2" dev "$WA") ]]; }
has_mtu() { ip -n "$A" link show dev "$WA" | grep "mtu $1 "; }
wg_pids() { ip netns pids "$A"; }
no_process() { [[ ! $(wg_pids) ]]; }
far_end() {
  start_wg "$B" "$WB" "$UNDER_TEST"
  wg set "$WB" private-key "$TMP/b.key" listen-port 51820 peer "${PUB[a]}" \
    preshared-key "$TMP/psk" allowed-ips 10.77.0.1/32,fd77::1/128
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64 10.99.1.1/32
  ip -n "$B" link set "$WB" up
}
dump_is_complete() {
  quick wg show all dump >"$TMP/dump"
  grep -q "^$WA	$(<"$TMP/a.key")	${PUB[a]}	51820	off$" "$TMP/dump" &&
    grep -q "^$WA	${PUB[b]}	$(<"$TMP/psk")	192.0.2.2:51820	10.77.0.2/32,.*	25$" "$TMP/dump"
}
conf_round_trip() {
  quick wg showconf "$WA" >"$TMP/shown.conf"
  quick wg setconf "$WA" "$TMP/shown.conf"
  quick wg showconf "$WA" >"$TMP/again.conf"
  cmp "$TMP/shown.conf" "$TMP/again.conf"
}
handshakes() { quick wg show "$WA" latest-handshakes; }
synced() {
  local before
  before=$(handshakes)
  sed -i 's/PersistentKeepalive = 25/PersistentKeepalive = 31/' "$TMP/etc/$WA.conf"
  quick wg-quick strip "$WA" >"$TMP/stripped"
  quick wg syncconf "$WA" "$TMP/stripped"
  [[ $(quick wg show "$WA" persistent-keepalive) == *31 ]] && [[ $(handshakes) == "$before" ]]
}
synced_away() {
  sed '/^\[Peer\]/,$d' "$TMP/stripped" >"$TMP/no-peer"
  quick wg syncconf "$WA" "$TMP/no-peer"
  [[ ! $(quick wg show "$WA" peers) ]]
}

far_end
for round in 1 2; do
  check "round $round: wg-quick up" quick wg-quick up "$WA"
  check "round $round: addresses" has_address 10.77.0.1/24
  check "round $round: IPv6 addresses" has_address fd77::1/64
  check "round $round: the MTU" has_mtu 1380
  check "round $round: routes to the allowed IPs" has_route 4 10.99.0.0/16
  check "round $round: IPv6 routes to the allowed IPs" has_route 6 fd99::/32
  check "round $round: ping" ping_ok "$A" 10.77.0.2
  check "round $round: ping through a route" ping_ok "$A" 10.99.1.1
  check "round $round: ping back, IPv6" ping_ok "$B" fd77::1
  check "round $round: wg show all dump" dump_is_complete
  check "round $round: a second up is refused" not quick wg-quick up "$WA"
  check "round $round: wg-quick down" quick wg-quick down "$WA"
  check "round $round: the interface is gone" not ip -n "$A" link show dev "$WA"
  check "round $round: the socket is gone" wait_for 10 not test -e "$TMP/run/$WA.sock"
  check "round $round: the process has ended" wait_for 10 no_process
  check "round $round: both hooks ran" test "$(grep -c "$WA" "$TMP/hooks")" -eq $((2 * round))
done

check "a third up" quick wg-quick up "$WA"
check "wg showconf and setconf agree with each other" conf_round_trip
check "ping after setconf" ping_ok "$A" fd77::2
check "wg syncconf changes what differs and keeps the session" synced
check "ping after syncconf" ping_ok "$B" 10.77.0.1
check "wg syncconf removes a peer that is no longer there" synced_away
sed -i 's/PersistentKeepalive = 31/&\n#/' "$TMP/etc/$WA.conf"
check "wg syncconf brings it back" quick wg syncconf "$WA" "$TMP/stripped"
check "ping after that" ping_ok "$A" 10.77.0.2
check "wg-quick save" quick wg-quick save "$WA"
check "wg-quick save kept the peer" grep -q "PublicKey = ${PUB[b]}" "$TMP/etc/$WA.conf"
check "wg-quick down" quick wg-quick down "$WA"

# The whole of both address families through the tunnel: wg-quick marks the outer packets and needs
# policy routing.
sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0, ::/0|' "$TMP/etc/$WA.conf"
check "a default route through the tunnel: up" quick wg-quick up "$WA"
check "the outer packets carry the mark" test "$(quick wg show "$WA" fwmark)" != off
check "ping through the default route" ping_ok "$A" 10.99.1.1
check "ping to the other end's inner address, IPv6" ping_ok "$A" fd77::2
check "down again" quick wg-quick down "$WA"
check "no rules are left" test -z "$(ip -n "$A" rule show | grep -v 'lookup \(local\|main\|default\)')"
