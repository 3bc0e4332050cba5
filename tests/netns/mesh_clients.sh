#!/usr/bin/env bash
# What a person asks of a mesh on the command line: peers, resolve, ping and down.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh
mesh_hosts 46 46
make_nodes 1 2
trust_each_other 1 2
configure 1 ""
configure 2 "$(seed 1)"
ups 1 2
check "two nodes see each other" wait_for "$SOON" all_see_each_other 1 2

asks() { ours "$(host 1)" "$@"; }
# prints WORDS COMMAND...: on either output, whatever the exit status.
prints() {
  local words=$1 told
  shift
  told=$("$@" 2>&1) || true
  printf '%s\n' "$told"
  [[ $told == *"$words"* ]]
}
answers_with() { # EXPECTED COMMAND...
  local told
  told=$("${@:2}")
  printf '%s, expected %s\n' "$told" "$1"
  [[ $told == "$1" ]]
}

# ---- peers and resolve ---------------------------------------------------------------------------
check "peers: the other one, and why it is trusted" prints "authorized key node2" \
  asks peers "$(tunnel_of 1)"
members() { asks peers --json "$(tunnel_of 1)" | jq -r ".members[0] | $1"; }
check "peers --json: who it is" answers_with "${ID[2]}" members .identity
both="$(inner 2 4)
$(inner 2 6)"
check "resolve: by name" answers_with "$both" asks resolve node2.mesh
check "resolve: by identity" answers_with "$both" asks resolve "${ID[2]}"
check "resolve: an unknown name fails" not asks resolve noed2
check "resolve: and what is near is said" prints "did you mean node2?" asks resolve noed2

# ---- ping ----------------------------------------------------------------------------------------
check "ping: answers come over the direct path" prints "direct with" asks ping -c 2 node2
check "ping: and the receive path is known" prints "received by socket" asks ping -c 2 node2
check "ping: by its IPv6 address" asks ping -c 1 "$(inner 2 6)"
in_ns "$(host 2)" sysctl -qw net.ipv4.icmp_echo_ignore_all=1
check "ping: silence is a failure" not asks ping -c 1 node2
check "ping: with what is known of the reason" prints "node2 does not answer: it is alive" \
  asks ping -c 1 node2
check "peers: it has shaken hands" prints "s ago" asks peers "$(tunnel_of 1)"

# ---- down ----------------------------------------------------------------------------------------
check "down: the agent has ended when the command has" asks down "$(tunnel_of 1)"
check "down: and so has its process" wait_for 10 ended "$(pid_of 1)"
check "down: and its device" not in_ns "$(host 1)" ip link show "$(tunnel_of 1)"
check "down: it has said good-bye" wait_for "$SOON" member_is 2 1 .state left
check "down: nothing to stop is a failure" not asks down "$(tunnel_of 1)"

start_wg "$(host 1)" "${RUN}p" "$UNDER_TEST"
check "peers: a plain tunnel has none" prints "is in no mesh" asks peers "${RUN}p"
check "down: a plain tunnel too" asks down "${RUN}p"
check "down: which ends as well" wait_for 10 ended "${WG_PID[${RUN}p]}"
