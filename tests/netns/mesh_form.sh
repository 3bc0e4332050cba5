#!/usr/bin/env bash
# Eight nodes that know one of them find each other, and each has TCP with every other one: over IPv4,
# over IPv6, over both and a mixture; with XDP attached on some; with a peer that is no member beside it.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh
ALL=(1 2 3 4 5 6 7 8)

mesh_hosts 46 46 46 46 46 46 46 46
make_nodes "${ALL[@]}"
trust_each_other "${ALL[@]}"
start_mirrors "${ALL[@]}"

# All start, with node 1 as the only seed.
start_all() {
  local node
  configure 1 ""
  for node in "${ALL[@]:1}"; do configure "$node" "$(seed 1)"; done
  ups "${ALL[@]}"
}
form() { # TEXT
  start_all
  check "$1: eight nodes see each other" wait_for "$SOON" all_see_each_other "${ALL[@]}"
}
stop_all() {
  local node
  for node in "${ALL[@]}"; do down "$node"; done
}
# Whoever has no way to another hears of it by others.
everybody_alive() {
  local node
  for node in "${ALL[@]}"; do
    finds "$node" '[.members[] | select(.state == "alive")] | length' 7 || return 1
  done
}
set_families() { # FAMILIES...: of node 1, 2, …
  local node=0 families
  for families; do
    node=$((node + 1))
    give_addresses "$node" "$families"
  done
}

form "IPv4 and IPv6"
check "IPv4 and IPv6: TCP between all" everybody_talks 4 "${ALL[@]}"
check "IPv4 and IPv6: TCP between all, IPv6 inside" everybody_talks 6 "${ALL[@]}"
stop_all

set_families 4 4 4 4 4 4 4 4
form "IPv4 only"
check "IPv4 only: TCP between all, IPv6 inside" everybody_talks 6 "${ALL[@]}"
stop_all

set_families 6 6 6 6 6 6 6 6
form "IPv6 only"
check "IPv6 only: TCP between all, IPv4 inside" everybody_talks 4 "${ALL[@]}"
stop_all

# ---- nodes without a common family ---------------------------------------------------------------
set_families 46 46 46 46 4 4 6 6
start_all
check "mixed: eight nodes know of each other" wait_for "$SOON" everybody_alive
check "mixed: those with IPv4 see each other" wait_for "$SOON" sees_directly 5 1 2 3 4 6
check "mixed: those with IPv6 see each other" wait_for "$SOON" sees_directly 7 1 2 3 4 8
check "mixed: TCP between those with IPv4" everybody_talks 4 1 2 3 4 5 6
check "mixed: TCP between those with IPv6" everybody_talks 6 1 2 3 4 7 8
check "mixed: who has no way to another does not hold it dead" everybody_alive
stop_all

# ---- XDP, and a peer that is no member -------------------------------------------------------------
set_families 46 46 46
genkeys outside
STATIC=(
  '[[peer]]'
  "public_key = \"${PUB[outside]}\""
  'allowed_ips = ["10.77.0.9/32"]'
)
configure 1 "" "${STATIC[@]}"
configure 2 "$(seed 1)"
configure 3 "$(seed 1)" '[interface]' 'attach = ["u0"]'
up 1 --attach u0,mode=native,rx=xdp
ups 2 3
check "attached: three nodes see each other" wait_for "$SOON" all_see_each_other 1 2 3
check "attached: TCP between all" everybody_talks 4 1 2 3
data_comes_by_xdp() {
  figure_is "$(host 1)" "$(tunnel_of 1)" \
    '[.peers[] | select(.receive_path == "xdp")] | length' 2
}
check "attached: data comes by XDP" data_comes_by_xdp
check "attached: the configuration attaches as the option does" \
  figure_is "$(host 3)" "$(tunnel_of 3)" '.interfaces[0].name' u0
check "attached: gossip comes by the socket" \
  wait_for "$SOON" verdict_above "$(host 1)" "$(tunnel_of 1)" pass_not_wireguard 20

if GO=$(command -v wireguard-go); then
  add_host "$B"
  join "$B" u0 "$SWITCH" p9
  ip -n "$SWITCH" link set p9 master br0
  address "$B" u0 192.0.2.9/24
  start_wg "$B" "$WB" "$GO"
  wg set "$WB" private-key "$TMP/outside.key" listen-port 51820 \
    peer "$(of_member 2 1 .public_key)" endpoint 192.0.2.1:51820 allowed-ips "$(inner 1)/32"
  address "$B" "$WB" 10.77.0.9/32
  ip -n "$B" link set "$WB" up
  ip -n "$B" route add "$(inner 1)" dev "$WB"
  check "wireguard-go beside the mesh: it reaches the node" ping_ok "$B" "$(inner 1)"
  check "wireguard-go beside the mesh: the node reaches it" ping_ok "$(host 1)" 10.77.0.9
  check "wireguard-go beside the mesh: TCP" bulk "$B" "$(host 1)" "$(inner 1)" 2000000
  check "wireguard-go beside the mesh: it is no member" finds 1 '.members | length' 2
  check "wireguard-go beside the mesh: the members go on" everybody_talks 6 1 2 3
else
  note "wireguard-go is not installed: not tried beside the mesh"
fi
