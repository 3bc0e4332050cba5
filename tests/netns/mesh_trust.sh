#!/usr/bin/env bash
# Who is trusted, for how long, and for what: one's own trust given and taken while data moves, an
# organisation with certificates that end and revocations that reach everybody, loose permissions and
# faulty configurations refused, routes that come and go with what is granted.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh
STREAM_RATE=2000000
mesh_hosts 46 46 46 46 4 4 4 4

# measured TEXT SECONDS COMMAND...: waits for it, and says how long that took.
measured() {
  local text=$1 begin
  begin=$(date +%s%N)
  check "$text" wait_for "${@:2}"
  note "$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "after %.2f s", ns / 1e9 }')"
}
all_without() { # MEMBER NODE...
  local node
  for node in "${@:2}"; do is_gone "$node" "$1" || return 1; done
}
is_silent() { # NODE MEMBER
  member_is "$1" "$2" .reach silent && is_alive "$1" "$2"
}

# ---- trust of one's own ------------------------------------------------------------------------------
make_nodes 1 2 3 4
trust_each_other 1 2 3 4
configure 1 ""
for node in 2 3 4; do configure "$node" "$(seed 1)"; done
ups 1 2 3 4
check "four nodes see each other" wait_for "$SOON" all_see_each_other 1 2 3 4
AT_1=$(inner 1) AT_2=$(inner 2) AT_3=$(inner 3)
start_stream other "$(host 1)" "$(host 3)" "$AT_3"
start_stream lost "$(host 2)" "$(host 1)" "$AT_1"
distrust 1 2
measured "trust is taken away: the peer is gone there" 10 is_gone 1 2
stays_away() {
  local before
  before=$(stream_at lost)
  sleep 1
  printf 'before %s, now %s\n' "$before" "$(stream_at lost)"
  (($(stream_at lost) == before))
}
check "nothing of it comes through any more" stays_away
check "nor is it reached" does_not_reach 1 2 "$AT_2"
check "the others are reached by both" reaches 3 2
check "the stream to another goes on" stream_moves other
check "the other end sees silence, and not death" wait_for 30 is_silent 2 1
trust 1 2
check "trust is given again: they see each other" wait_for "$SOON" all_see_each_other 1 2 3 4
check "and the stream goes on" stream_moves lost
check "it is byte-exact" stop_stream lost

# ---- configuration ------------------------------------------------------------------------------------
trust 1 3 --allow-subnet 198.51.100.0/24
trust 1 4 --allow-subnet 0.0.0.0/0
trust 2 4 --allow-subnet 0.0.0.0/0 --allow-subnet ::/0
# Node 2 reaches the others by its own default routes alone: they must not lead into the tunnel.
for family in 4 6; do
  ip -n "$(host 2)" "-$family" route flush dev u0 proto kernel scope "$([[ $family == 4 ]] && echo link || echo global)"
  ip -n "$(host 2)" "-$family" route add default dev u0
done
BEYOND=203.0.113.7 BEYOND_6=2001:db8:ffff::7
for address in "$BEYOND" "$BEYOND_6"; do ip -n "$(host 4)" addr add "$address" dev lo; done
ip -n "$(host 3)" addr add 198.51.100.1/24 dev lo
has_default() { ip -n "$(host "$1")" "$2" route show table 30829 | grep -q "default dev $(tunnel_of "$1")"; }
goes_by() { ip -n "$(host 2)" route get "${@:2}" | grep -q "dev $1 "; } # DEVICE ADDRESS...
rules_of() { ip -n "$(host "$1")" -4 rule show && ip -n "$(host "$1")" -6 rule show; }
has_route() { ip -n "$(host "$1")" route show "$2" | grep -q "dev $(tunnel_of "$1")"; }
handshakes() { wg show "$(tunnel_of 1)" latest-handshakes | sort; }
BEFORE=$(handshakes)
RULES=$(rules_of 2)
configure 3 "$(seed 1), $(seed 2)" 'subnets = ["198.51.100.0/24"]'
configure 4 "$(seed 1)" 'subnets = ["0.0.0.0/0", "::/0"]'
configure 2 "$(seed 1)" '[routes]' 'accept_default = true'
check "a configuration that changes: its seeds count" \
  wait_for "$SOON" finds 3 '[.seeds[].state] | unique | join(",")' member
check "a subnet that is granted is routed" wait_for "$SOON" has_route 1 198.51.100.0/24
check "and reached" ping_ok "$(host 1)" 198.51.100.1
check "a subnet that is not granted is not" not has_route 4 198.51.100.0/24
check "it is said to be refused" \
  member_is 4 3 '.refused | map(select(contains("198.51.100.0/24"))) | length' 1
check "a default route where the configuration accepts one" wait_for "$SOON" has_default 2 -4
check "and one of IPv6" wait_for "$SOON" has_default 2 -6
check "and nowhere else" not has_default 1 -4
check "what no other route leads to goes through the tunnel" ping_ok "$(host 2)" "$BEYOND"
check "and by IPv6" ping_ok "$(host 2)" "$BEYOND_6"
check "what leads to the members does not" goes_by u0 192.0.2.1 mark 0x306d
check "they are reached still" reaches 2 1
check "nothing is wrong with it" finds 2 '.faults | length' 0
has_rules() { [[ $(rules_of 2 | grep -c 'proto 120') == 4 ]]; }
check "it takes two rules a family" has_rules
ip -n "$(host 2)" rule del pref 30001
check "one that others took away is back" wait_for "$SOON" has_rules
in_ns "$(host 2)" sysctl -qw net.ipv4.conf.u0.rp_filter=1
kill -HUP "$(pid_of 2)"
check "a strict reverse path is a fault that says where" \
  wait_for "$SOON" finds 2 '.faults | map(select(contains("got 1 on u0"))) | length' 1
in_ns "$(host 2)" sysctl -qw net.ipv4.conf.all.rp_filter=2
check "mended as it says it is none any more" wait_for "$SOON" finds 2 '.faults | length' 0
kill -HUP "$(pid_of 1)"
check "no session has ended by it" test "$(handshakes)" = "$BEFORE"
configure 3 "$(seed 1)"
check "a subnet that is offered no more is routed no more" \
  wait_for "$SOON" not has_route 1 198.51.100.0/24

sed -i 's/^names = .*/names = 3/' "$(file_of 3)"
check "a fault is told with line and column" \
  wait_for "$SOON" finds 3 '[.faults[] | select(contains(":2:9"))] | length' 1
check "the check of the file tells the same" refuses 1 ":2:9" \
  "$UNDER_TEST" config check "$(file_of 3)"
printf 'nonsense = 1\n' >"$TMP/nonsense.toml"
check "an unknown key is told with line and column" refuses 1 "nonsense.toml:1:1" \
  "$UNDER_TEST" config check "$TMP/nonsense.toml"
check "the node goes on as before" stream_moves other
configure 3 "$(seed 1)" 'subnets = ["198.51.100.0/24"]'
check "the fault is mended" wait_for "$SOON" finds 3 '.faults | length' 0
check "the subnet is back" wait_for "$SOON" has_route 1 198.51.100.0/24
check "the stream through all of it is byte-exact" stop_stream other
down 1
check "no route stays behind" test -z "$(ip -n "$(host 1)" route show 198.51.100.0/24)"
down 2 KILL
check "one that is killed leaves the way to elsewhere as it was" goes_by u0 "$BEYOND"
configure 2 "$(seed 3)"
up 2
no_rules() { diff <(rules_of 2) - <<<"$RULES"; }
check "the next one takes its rules away" wait_for "$SOON" no_rules
configure 2 "$(seed 3)" '[routes]' 'accept_default = true'
check "a default route again" wait_for "$SOON" has_default 2 -4
down 2
check "no default route stays behind" not has_default 2 -4
check "nor a rule" no_rules

chmod 644 "$TMP/1/node.key"
start_fails() { in_ns "$(host 1)" "$UNDER_TEST" up -f --dir "$TMP/1" "$(tunnel_of 1)"; }
check "a key that others can read is refused, with what mends it" \
  refuses 1 "chmod 600 $TMP/1/node.key" start_fails
chmod 600 "$TMP/1/node.key"
chmod 777 "$TMP/1"
check "so is a directory that others can write in" refuses 1 "chmod" start_fails
chmod 700 "$TMP/1"
for node in 3 4; do down "$node"; done

# ---- an organisation ----------------------------------------------------------------------------------
mkdir -m 700 "$TMP/org"
ORGANISATION=$("$UNDER_TEST" org keygen --dir "$TMP/org")
make_nodes 5 6 7 8
END=$(($(date +%s) + 35))
sign() { # NODE [OPTION...]
  "$UNDER_TEST" org sign "${ID[$1]}" --name "node$1" --dir "$TMP/org" --out "$TMP/$1.certificate" "${@:2}"
  "$UNDER_TEST" trust "$TMP/$1.certificate" --dir "$TMP/$1" >/dev/null
  "$UNDER_TEST" trust --org "$ORGANISATION" --label acme --dir "$TMP/$1" >/dev/null
}
for node in 5 6 7; do sign "$node"; done
sign 8 --until "$(date -u -d "@$END" +%Y-%m-%dT%H:%M:%SZ)"
configure 5 ""
for node in 6 7 8; do configure "$node" "\"192.0.2.5:$MESH_PORT\""; done
ups 5 6 7 8
check "an organisation's nodes find each other by a bare address" \
  wait_for "$SOON" all_see_each_other 5 6 7 8
check "by its certificates" member_is 6 7 .trust "certificate of organisation acme"
check "with the names that it grants" member_is 6 7 '.names | join(",")' node7
check "they reach each other" reaches 6 7

part 6
"$UNDER_TEST" org revoke "${ID[7]}" --dir "$TMP/org" --out "$TMP/gone"
"$UNDER_TEST" trust "$TMP/gone" --dir "$TMP/5" >/dev/null
measured "a revocation: the member is gone on every connected node" 10 all_without 7 5 8
check "which says so itself, and what to do" wait_for "$SOON" \
  finds 7 '[.faults[] | select(contains("revoked this node") and contains("keygen"))] | length' 1
sleep 8 # until nobody repeats it any more
heal
measured "and on the one that was parted" "$SOON" is_gone 6 7
check "which reaches it no more" does_not_reach 6 7 "$(inner 7)"
check "it is kept for the next start" test -n "$(ls "$TMP/6/revocations")"
check "the others go on" reaches 5 6
check "whose certificate ends is gone" wait_for 60 all_without 8 5 6
check "not before its end" test "$(date +%s)" -ge "$END"
check "which says so itself, and what to do" \
  finds 8 '[.faults[] | select(contains("expired") and contains("org sign"))] | length' 1
check "the others go on without it" reaches 6 5
