#!/usr/bin/env bash
# Gossip from somebody who has no business in the mesh: random, cut and changed datagrams, what was
# recorded on the wire, a hundred thousand forged hellos from many addresses. No answer to whoever does not
# know whom he greets, never a larger one than the question, memory that does not grow, and a mesh that goes
# on meanwhile.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh
MOST_GROWTH_KB=16384
mesh_hosts 4 4 4
add_host "$B" # the stranger, with 64 addresses
join "$B" u0 "$SWITCH" p9
ip -n "$SWITCH" link set p9 master br0
for ((last = 100; last < 164; last++)); do address "$B" u0 "192.0.2.$last/24"; done

in_background "$(host 1)" "$PYTHON" "$HERE/mesh.py" capture u0 "$TMP/captured"
make_nodes 1 2 3
trust_each_other 1 2 3
configure 1 ""
for node in 2 3; do configure "$node" "$(seed 1)"; done
ups 1 2 3
check "three nodes see each other" wait_for "$SOON" all_see_each_other 1 2 3
AT_2=$(inner 2)
STREAM_RATE=2000000
start_stream through "$(host 1)" "$(host 2)" "$AT_2"
captured_enough() { (($(wc -l <"$TMP/captured") > 60)); }
wait_for 20 captured_enough

rss() { awk '/VmRSS/ { print $2 }' "/proc/$(pid_of 1)/status"; }
# attack KIND [OPTION...]: prints what came back.
attack() {
  in_ns "$B" "$PYTHON" "$HERE/mesh.py" gossip "$1" 192.0.2.1 "$MESH_PORT" --source 192.0.2.100 \
    --identity "${ID[1]}" --captured "$TMP/captured" "${@:2}"
}
answers_nothing() {
  attack "$@" | tee "$TMP/attack" && grep -q ' got 0 0 ' "$TMP/attack"
}
# counts_more NAME KIND [OPTION...]: the attack leaves answers no larger than its questions, and is counted.
counts_more() {
  local name=$1 before now
  before=$(counter 1 "$name")
  attack "${@:2}" || return 1
  now=$(counter 1 "$name")
  printf '%s: %s before, %s after\n' "$name" "$before" "$now"
  ((now > before))
}
unharmed() { # TEXT
  check "$1: the stream goes on" stream_moves through
  check "$1: all see each other" all_see_each_other 1 2 3
  check "$1: nobody has moved" nobody_has_moved
}
nobody_has_moved() {
  member_is 1 2 .endpoint "192.0.2.2:$MESH_PORT" && member_is 1 3 .endpoint "192.0.2.3:$MESH_PORT"
}

RSS=$(rss)
check "random datagrams: silence" answers_nothing random --count 5000
check "cut and changed ones: silence" answers_nothing changed --count 5000
unharmed "noise"
check "what the node itself has sent: silence" answers_nothing reflected
unharmed "reflection"
check "what the node has received once: no larger answer, and counted" \
  counts_more gossip_bad_tag replayed
unharmed "replay"

check "hellos of unknown senders: no larger answer, and counted" \
  counts_more gossip_unknown_sender short-hellos --addresses 64 --sources 256 --count 50000 --rate 20000
check "with forged records: no larger answer, and counted" \
  counts_more gossip_not_a_member full-hellos --addresses 64 --sources 256 --count 50000 --rate 20000
check "a hello without cookie is asked for one under load" test "$(counter 1 gossip_wanted_cookie)" -gt 0
unharmed "100,000 forged hellos"
grows_little() {
  local now
  now=$(rss)
  printf 'resident: %s KiB before, %s KiB now, at most %s more\n' "$RSS" "$now" "$MOST_GROWTH_KB"
  ((now - RSS < MOST_GROWTH_KB))
}
check "the node has not grown" grows_little
check "no stranger has become a member" finds 1 '.members | length' 2
down 3
up 3
check "a node that starts anew sees the others" wait_for "$SOON" all_see_each_other 1 2 3
check "the stream is byte-exact" stop_stream through
