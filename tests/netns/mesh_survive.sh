#!/usr/bin/env bash
# What a mesh goes through: a node killed, one frozen, one that moves, one that comes back elsewhere, a
# partition and its healing, a farewell. The others notice, find each other again, and lose no session
# that they need not.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh
PARTED_SECONDS=${XM_FULL:+60}
PARTED_SECONDS=${PARTED_SECONDS:-25}

mesh_hosts 46 46 46 46 46
make_nodes 1 2 3 4 5
trust_each_other 1 2 3 4 5
configure 1 ""
for node in 2 3 4 5; do configure "$node" "$(seed 1)"; done
ups 1 2 3 4 5
check "five nodes see each other" wait_for "$SOON" all_see_each_other 1 2 3 4 5
AT_1=$(inner 1) AT_2=$(inner 2) AT_3=$(inner 3 6) AT_4=$(inner 4) AT_5=$(inner 5)

STREAM_RATE=2000000
start_stream stays "$(host 1)" "$(host 2)" "$AT_2"
start_stream frozen "$(host 1)" "$(host 4)" "$AT_4"
start_stream moves "$(host 1)" "$(host 3)" "$AT_3"

# session NODE MEMBER: when its keys were agreed on, and the bytes from it, which begin at 0 with a peer.
session() {
  local key
  key=$(of_member "$1" "$2" .public_key)
  wg show "$(tunnel_of "$1")" dump | awk -v key="$key" '$1 == key { print $5, $6 }'
}
# is_same_session NODE MEMBER BEFORE
is_same_session() {
  local now
  now=$(session "$1" "$2")
  printf 'handshake and bytes received before: %s, now: %s\n' "$3" "$now"
  [[ ${now% *} == "${3% *}" ]] && ((${now#* } >= ${3#* }))
}
# is_same_peer NODE MEMBER BEFORE
is_same_peer() {
  local now
  now=$(session "$1" "$2")
  printf 'handshake and bytes received before: %s, now: %s\n' "$3" "$now"
  ((${now#* } >= ${3#* }))
}
all_see_state() { # MEMBER STATE NODE...
  local node
  for node in "${@:3}"; do member_is "$node" "$1" .state "$2" || return 1; done
}
see_each_other() { # NODE...
  local node other
  for node; do
    for other; do
      ((node == other)) || sees_directly "$node" "$other" || return 1
      ((node == other)) || is_alive "$node" "$other" || return 1
    done
  done
}
all_find_it_at() { # MEMBER ENDPOINT NODE...
  local node
  for node in "${@:3}"; do member_is "$node" "$1" .endpoint "$2" || return 1; done
}

sides_are_dead() {
  all_see_state 3 dead 1 2 && all_see_state 4 dead 1 2 && all_see_state 5 dead 1 2 &&
    all_see_state 1 dead 3 4 5 && all_see_state 2 dead 3 4 5
}

# ---- one killed, another frozen ----------------------------------------------------------------------
BEFORE_4=$(session 1 4)
check "node 4 is reached by one that has no stream to it" ping_ok "$(host 2)" "$AT_4"
sleep 11 # until WireGuard has acknowledged the last answer, by a keepalive after 10 s: it asks for nothing more then
QUIET_4=$(session 2 4)
kill -STOP "$(pid_of 4)"
FROZEN_AT=$SECONDS
down 5 KILL
check "killed: the others hold it dead" wait_for "$SOON" all_see_state 5 dead 1 2 3
check "frozen: the others hold it dead" wait_for "$SOON" all_see_state 4 dead 1 2 3
check "the stream between the others goes on" stream_moves stays
up 5
check "killed: it comes back" wait_for "$SOON" see_each_other 1 2 3 5
sleep "$((FROZEN_AT + 20 > SECONDS ? FROZEN_AT + 20 - SECONDS : 0))"
kill -CONT "$(pid_of 4)"
check "thawed: all see each other" wait_for "$SOON" all_see_each_other 1 2 3 4 5
check "thawed: the stream to it goes on" stream_moves frozen
# The stream's data went unanswered for more than 15 s, for which WireGuard itself shakes hands anew.
check "thawed: it is the peer that it was" is_same_peer 1 4 "$BEFORE_4"
check "thawed: where nothing was sent, in the session it had" is_same_session 2 4 "$QUIET_4"
check "the one that came back is reached" ping_ok "$(host 1)" "$AT_5"
check "the stream to the frozen one is byte-exact" stop_stream frozen

# ---- another address ---------------------------------------------------------------------------------
ip -n "$(host 3)" addr flush dev u0
address "$(host 3)" u0 192.0.2.33/24
check "moved: the stream to it goes on" stream_moves moves
check "moved: the others find it there" \
  wait_for "$SOON" all_find_it_at 3 "192.0.2.33:$MESH_PORT" 1 2 4 5
check "moved: all see each other" wait_for "$SOON" all_see_each_other 1 2 3 4 5
check "the stream to the one that moved is byte-exact" stop_stream moves

down 5 KILL
ip -n "$(host 5)" addr flush dev u0
address "$(host 5)" u0 192.0.2.55/24
up 5
check "restarted elsewhere: the others find it there" \
  wait_for "$SOON" all_find_it_at 5 "192.0.2.55:$MESH_PORT" 1 2 3 4
check "restarted elsewhere: it is reached" ping_ok "$(host 2)" "$AT_5"
check "restarted elsewhere: it keeps its address" finds 5 '.addresses[0]' "$AT_5"

# ---- a partition -------------------------------------------------------------------------------------
for node in 3 4 5; do check "before the partition: node $node is reached" reaches 1 "$node"; done
BEFORE_3=$(session 1 3)
part 1 2
PARTED_AT=$SECONDS
check "parted: each side holds the other dead" wait_for 40 sides_are_dead
check "parted: the stream on one side goes on" stream_moves stays
check "parted: traffic on the other side goes on" ping_ok "$(host 4)" "$AT_5"
sleep "$((PARTED_AT + PARTED_SECONDS > SECONDS ? PARTED_AT + PARTED_SECONDS - SECONDS : 0))"
heal
check "healed: all see each other" wait_for 30 all_see_each_other 1 2 3 4 5
check "healed: traffic across" ping_ok "$(host 1)" "$(inner 3)"
check "healed: traffic back" ping_ok "$(host 4)" "$AT_1"
check "healed: no session was taken away" is_same_peer 1 3 "$BEFORE_3"
check "the stream that was never disturbed is byte-exact" stop_stream stays

# ---- a farewell --------------------------------------------------------------------------------------
down 2
check "who says good-bye has left, and is not dead" wait_for 5 all_see_state 2 left 1 3 4 5
check "the others are not disturbed" see_each_other 1 3 4 5

# ---- without a seed ------------------------------------------------------------------------------------
down 5
configure 5 "$(seed 2)" # which is not there
up 5
check "one whose seeds are down asks whom it knew" wait_for "$SOON" see_each_other 1 3 4 5
