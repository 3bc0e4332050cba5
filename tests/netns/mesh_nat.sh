#!/usr/bin/env bash
# A node behind a masquerading router, with coturn as STUN server: it joins, learns where others see it,
# reaches public members and is reached, also when it is silent for longer than the router remembers; a
# router that forgets and takes other ports.
#
#     $RUN-3               $M                       $SWITCH        $RUN-1 192.0.2.1, $RUN-2 192.0.2.2,
#     u0 198.51.100.2 ---- u0 198.51.100.1          br0 ---------- $B 192.0.2.9 and .10: coturn
#        default via .1    u1 192.0.2.100 --------- p100
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh conntrack sysctl turnserver
mesh_hosts 4 4
add_host "$(host 3)"
add_host "$M"
add_host "$B"
join "$(host 3)" u0 "$M" u0
join "$M" u1 "$SWITCH" p100
join "$B" u0 "$SWITCH" p9
ip -n "$SWITCH" link set p100 master br0
ip -n "$SWITCH" link set p9 master br0
address "$(host 3)" u0 198.51.100.2/24
address "$M" u0 198.51.100.1/24
address "$M" u1 192.0.2.100/24
address "$B" u0 192.0.2.9/24 192.0.2.10/24
ip -n "$(host 3)" route add default via 198.51.100.1
in_ns "$M" sysctl -qw net.ipv4.ip_forward=1

# As routers do: what nobody inside has asked for ends here, and leaves no trace that takes the port.
in_ns "$M" nft -f - <<NFT
table ip closed {
  chain in { type filter hook input priority 0; iifname u1 meta l4proto udp drop; }
}
NFT
seen_at() { # PORT
  member_is 1 3 .endpoint "192.0.2.100:$1" && member_is 2 3 .endpoint "192.0.2.100:$1"
}
says_it_is_at() { # PORT
  finds 3 ".endpoints | index(\"192.0.2.100:$1\") != null" true
}

masquerade_from 41000
in_background "$B" turnserver -n --stun-only --no-cli --no-tls --no-dtls --no-tcp \
  -L 192.0.2.9 -L 192.0.2.10 --log-file stdout --simple-log \
  --pidfile "$TMP/turnserver.pid" --userdb "$TMP/turndb" >"$TMP/turnserver.log" 2>&1
wait_for 20 udp_bound "$B" 3478 || fail "turnserver does not listen"

make_nodes 1 2 3
trust_each_other 1 2 3
configure 1 ""
configure 2 "$(seed 1)"
configure 3 "$(seed 1)" '[stun]' 'servers = ["192.0.2.9:3478", "192.0.2.10:3478"]' \
  '[sessions]' 'keepalive_seconds = 2'
ups 1 2 3
check "three nodes see each other" wait_for "$SOON" all_see_each_other 1 2 3
check "the router's kind is found out" wait_for "$SOON" finds 3 .nat.mapping endpoint-independent
check "the node knows where others see it" finds 3 '.nat.mapped[0]' 192.0.2.100:41000
check "and says so to the others" wait_for "$SOON" says_it_is_at 41000
check "the others see it there" seen_at 41000
AT_1=$(inner 1) AT_2=$(inner 2 6) AT_3=$(inner 3)
check "it reaches public members" ping_ok "$(host 3)" "$AT_1"
check "and is reached" ping_ok "$(host 2)" "$AT_3"
check "TCP to it" bulk "$(host 1)" "$(host 3)" "$AT_3" 2000000

in_ns "$M" sysctl -qw net.netfilter.nf_conntrack_udp_timeout=4 \
  net.netfilter.nf_conntrack_udp_timeout_stream=4
sleep 8
check "a mapping of four seconds is kept alive" seen_at 41000
check "it is reached through it" ping_ok "$(host 1)" "$AT_3"

start_stream out "$(host 3)" "$(host 2)" "$AT_2"
start_stream in "$(host 1)" "$(host 3)" "$AT_3"
for port in 42000 43000; do
  masquerade_from "$port"
  check "the mapping changes to $port: the stream from inside goes on" stream_moves out
  check "the mapping changes to $port: the stream from outside goes on" stream_moves in
  check "the mapping changes to $port: the others follow" wait_for "$SOON" seen_at "$port"
done
check "the stream from inside is byte-exact" stop_stream out
check "the stream from outside is byte-exact" stop_stream in

masquerade_from 44000
check "without traffic: the others follow" wait_for "$SOON" seen_at 44000
check "without traffic: it is reached there" ping_ok "$(host 2)" "$AT_3"
check "without traffic: nobody was held dead" all_see_each_other 1 2 3
check "it tells its new place" wait_for 60 says_it_is_at 44000
