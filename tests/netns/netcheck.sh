#!/usr/bin/env bash
# What `xdp-mesh netcheck` says behind a masquerading router of two kinds, without one, and where UDP
# is blocked. coturn is the STUN server, at two addresses.
source "$(dirname "$0")/lib.sh"

setup nft jq sysctl turnserver
hosts_behind_nat
address "$A" u0 2001:db8:1::2/64
address "$M" u0 2001:db8:1::1/64
address "$M" u1 2001:db8:2::1/64
address "$B" u0 192.0.2.3/24 2001:db8:2::2/64
ip -n "$A" -6 route add default via 2001:db8:1::1
ip -n "$B" -6 route add default via 2001:db8:2::1
in_ns "$M" sysctl -qw net.ipv6.conf.all.forwarding=1
one=192.0.2.2:3478 two=192.0.2.3:3478 six='[2001:db8:2::2]:3478'

# masquerade WORD...: the router's way of choosing ports.
masquerade() {
  in_ns "$M" nft -f - <<NFT
table ip nat { }
delete table ip nat
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname u1 masquerade $*; }
}
NFT
}

in_background "$B" turnserver -n --stun-only --no-cli --no-tls --no-dtls --no-tcp \
  -L 192.0.2.2 -L 192.0.2.3 -L 2001:db8:2::2 --log-file stdout --simple-log \
  --pidfile "$TMP/turnserver.pid" --userdb "$TMP/turndb" >"$TMP/turnserver.log" 2>&1
wait_for 20 udp_bound "$B" 3478 || fail "turnserver does not listen"

# netcheck NAMESPACE ARGUMENT...: what it prints goes to $TMP/out, what is wrong to $TMP/err.
netcheck() {
  local ns=$1
  shift
  in_ns "$ns" env HOME="$TMP" "$UNDER_TEST" netcheck "$@" >"$TMP/out" 2>"$TMP/err"
}
is_exit_1() {
  local status=0
  "$@" || status=$?
  ((status == 1))
}
says() { grep -qF -- "$1" "$TMP/out" || { cat "$TMP/out" "$TMP/err"; false; }; }
family() { jq -e --arg word "$3" ".netcheck.$1.$2 == \$word" "$TMP/out" || { cat "$TMP/out"; false; }; }

# ---- behind a router ----------------------------------------------------------------------------
masquerade
check "behind a NAT that keeps ports" netcheck "$A" --stun $one --stun $two --stun "$six"
check "it is endpoint-independent" says "NAT: endpoint-independent"
check "with the router's address" says "seen as: 192.0.2.1:"
check "IPv6 has none" says "NAT: none"
check "and is seen as itself" says "seen as: [2001:db8:1::2]:"
check "each server says what it sees" says "192.0.2.3:3478: sees 192.0.2.1:"
check "the machine's addresses are named" says "198.51.100.2"

masquerade fully-random
check "behind a NAT with a port for each destination" netcheck "$A" --stun $one --stun $two --json
check "it is address-dependent" family ipv4 mapping address-dependent
check "IPv6 was not asked about" family ipv6 udp unchecked
check "there is advice" jq -e '.netcheck.advice | length == 1' "$TMP/out"

check "one server alone" netcheck "$A" --stun $one
check "leaves the mapping unknown and asks for another" says "name a second server"

# ---- without a router ---------------------------------------------------------------------------
check "the router itself" netcheck "$M" --stun $one --stun $two --json
check "has no NAT" family ipv4 mapping none
check "and serves" jq -e '.netcheck.serves' "$TMP/out"

# ---- servers of a configuration -----------------------------------------------------------------
mkdir -p "$TMP/etc"
printf 'mesh = "home"\n[stun]\nservers = ["%s", "%s"]\n' $one $two >"$TMP/etc/mesh0.toml"
check "servers come from the configuration" netcheck "$M" mesh0 --dir "$TMP/etc"
check "and are asked" says "192.0.2.3:3478: sees 192.0.2.1:"

# ---- where it does not work ---------------------------------------------------------------------
check "a server that is not there is exit 1" is_exit_1 netcheck "$A" --stun 192.0.2.2:9
check "and has its reason" says "192.0.2.2:9: it does not answer (4 requests"
check "no server at all is exit 1" is_exit_1 netcheck "$A"
check "and says which to name" says "name two STUN servers"

in_ns "$M" nft -f - <<NFT
table inet block {
  chain forward { type filter hook forward priority 0; meta l4proto udp drop; }
}
NFT
check "UDP that is blocked is exit 1" is_exit_1 netcheck "$A" --stun $one --stun "$six" --json
check "blocked for IPv4" family ipv4 udp blocked
check "blocked for IPv6" family ipv6 udp blocked
check "the mapping is not known" family ipv4 mapping unknown

ip -n "$A" -6 route del default
check "without a way out of IPv6 too" is_exit_1 netcheck "$A" --stun $one --stun "$six" --json
check "that is said" family ipv6 udp no-route
