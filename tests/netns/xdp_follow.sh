#!/usr/bin/env bash
# What happens to an interface that an agent holds: down and up, MTU, addresses, name, queues, deletion.
# After each of them the tunnel works, and the status says where its packets go.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp ethtool
add_host "$A"
add_host "$B"
device=u0 # B's, by its present name

connect() {
  ip link add u0 netns "$A" numrxqueues 4 numtxqueues 4 type veth \
    peer name u0 netns "$B" numrxqueues 4 numtxqueues 4
  ip -n "$A" link set u0 up
  ip -n "$B" link set u0 up
  address "$A" u0 192.0.2.1/24 2001:db8::1/64
  address "$B" u0 192.0.2.2/24 2001:db8::2/64
}
connect
tunnel "$UNDER_TEST" "$UNDER_TEST"
check "the tunnel works" ping_ok "$A" 10.77.0.2
check "attach" ours "$B" attach u0 "${NATIVE[@]}"

# by PATH: pings go through the tunnel, and B received the last of them that way.
by() {
  ping_ok "$A" 10.77.0.2 && ping_ok "$B" 10.77.0.1 && receives_by "$B" "$WB" "$1"
}
queues_bound() {
  figure_is "$B" "$WB" '[.interfaces[0].queues[] | select(.mode != "none")] | length' "$1"
}
state_is() { figure_is "$B" "$WB" '.interfaces[0].state' "$1"; }
works_by_xdp() { # AFTER WHAT
  check "$1: the tunnel works by XDP" wait_for 30 by xdp
  check "$1: the status says up" state_is up
  check "$1: TCP both ways" bulk_both 10.77.0.1 10.77.0.2 3000000
  check "$1: every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"
}
check "4 queues, each with its socket" queues_bound 4
works_by_xdp "attached"

# ---- down and up --------------------------------------------------------------------------------
ip -n "$B" link set u0 down
check "down: the status says so" wait_for 10 state_is down
sleep 1
ip -n "$B" link set u0 up
address "$B" u0 2001:db8::2/64 # the kernel removes those when a link goes down
works_by_xdp "down and up"

# ---- MTU ----------------------------------------------------------------------------------------
mtu() {
  ip -n "$A" link set u0 mtu "$1"
  ip -n "$B" link set u0 mtu "$1"
  ip -n "$A" link set "$WA" mtu $(($1 - 80))
  ip -n "$B" link set "$WB" mtu $(($1 - 80))
}
chunk_size_is() { figure_is "$B" "$WB" '.interfaces[0].chunk_size' "$1"; }
mtu 3000
check "MTU 3000: chunks that its frames fit" wait_for 10 chunk_size_is 4096
check "MTU 3000: the status has it" wait_for 10 figure_is "$B" "$WB" '.interfaces[0].mtu' 3000
works_by_xdp "MTU 3000"
check "MTU 3000: large packets" ping_ok "$A" 10.77.0.2 -s 2800 -M "do"
check "MTU 3000: they come by XDP" receives_by "$B" "$WB" xdp
mtu 1500
check "MTU 1500 again: smaller chunks" wait_for 10 chunk_size_is 2048
works_by_xdp "MTU 1500 again"

# ---- addresses ----------------------------------------------------------------------------------
knows_address() { # IPv4 in hex, as bpftool prints it
  bpftool -j map dump pinned "$(pins_of "$B" "$device")/xm_local" |
    jq -e --arg tail "$1" 'any(.[].key; .[12:] | join(" ") == $tail)'
}
check "xm_local has the address" knows_address "0xc0 0x00 0x02 0x02"
ip -n "$B" addr del 192.0.2.2/24 dev u0
address "$B" u0 192.0.2.22/24
check "another address: xm_local has it" wait_for 10 knows_address "0xc0 0x00 0x02 0x16"
check "another address: the old one is out" not knows_address "0xc0 0x00 0x02 0x02"
check "another address: B tells A by speaking" ping_ok "$B" 10.77.0.1
works_by_xdp "another address"

# ---- name ---------------------------------------------------------------------------------------
ip -n "$B" link set u0 name v0
device=v0
named() { figure_is "$B" "$WB" '.interfaces[0].name' v0 && test -d "$(pins_of "$B" v0)"; }
check "renamed: the status and the pins follow" wait_for 10 named
check "renamed: no pins of the old name" test ! -e "$(pins_of "$B" u0)"
works_by_xdp "renamed"
ip -n "$B" link set v0 name u0
device=u0
check "renamed back: the pins follow" wait_for 10 test -d "$(pins_of "$B" u0)"

# Two interfaces of one agent swap their names: neither has the other's pins for long.
ip -n "$B" link add w0 type veth peer name w1
ip -n "$B" link set w0 up
check "swap: attach to another interface, too" ours "$B" attach w0 "${NATIVE[@]}"
pins_are() { # DEVICE: its pins are its own
  [[ $(bpftool -j map dump pinned "$(pins_of "$B" "$1")/xm_config" | jq '.[0].formatted.value.ifindex') == \
    "$(ip -n "$B" -j link show "$1" | jq '.[0].ifindex')" ]]
}
swap_names() {
  ip -n "$B" link set u0 name swapping
  ip -n "$B" link set w0 name u0
  ip -n "$B" link set swapping name w0
}
for way in there back; do
  swap_names
  for name in u0 w0; do
    check "swap $way: the pins of $name are its own" wait_for 10 pins_are "$name"
  done
done
check "swap: the tunnel works by XDP" wait_for 30 by xdp
check "swap: detach" ours "$B" detach w0
check "swap: nothing is left" test ! -e "$(pins_of "$B" w0)"
ip -n "$B" link del w0

# ---- queues -------------------------------------------------------------------------------------
# A veth with a native program refuses to have fewer receive queues than its peer has to send, and a
# kernel may refuse to take queues away that AF_XDP sockets are bound to: then all stays as it was.
in_ns "$A" ethtool -L u0 tx 2
queues=2
in_ns "$B" ethtool -L u0 rx 2 2>"$TMP/ethtool" || queues=4
((queues == 2)) || note "fewer queues than sockets are refused here: $(head -n 1 "$TMP/ethtool")"
check "fewer queues: $queues sockets" wait_for 10 queues_bound "$queues"
works_by_xdp "fewer queues"
if ((queues == 4)); then
  check "detach" ours "$B" detach u0
  check "2 queues without sockets" in_ns "$B" ethtool -L u0 rx 2
  check "attach" ours "$B" attach u0 "${NATIVE[@]}"
fi
check "2 queues: two sockets" queues_bound 2
works_by_xdp "2 queues"
in_ns "$B" ethtool -L u0 rx 4
in_ns "$A" ethtool -L u0 tx 4
check "4 queues: four sockets" wait_for 10 queues_bound 4
# veth gives queues that are added the program of the first ones when it is attached the next time
# (veth_enable_range_safe() in drivers/net/veth.c): until then what comes there comes by the socket.
check "4 queues: the tunnel works" ping_ok "$A" 10.77.0.2
check "4 queues: TCP both ways" bulk_both 10.77.0.1 10.77.0.2 3000000
check "4 queues: detach" ours "$B" detach u0
check "4 queues: attach" ours "$B" attach u0 "${NATIVE[@]}"
check "4 queues: four sockets again" wait_for 10 queues_bound 4
works_by_xdp "4 queues, attached again"

# ---- deleted and made again, taken off ------------------------------------------------------------
remember_objects "$B" u0
ip -n "$B" link del u0
check "deleted: the status says so" wait_for 10 state_is gone
check "deleted: program and maps of the interface are gone" wait_for 10 test ! -e "$(pins_of "$B" u0)"
connect
check "made again: attached again" wait_for 15 state_is up
works_by_xdp "made again"

link_of() { bpftool -j link show | jq ".[] | select(.prog_id == $1) | .id"; }
link=$(link_of "$(program_on "$B" u0)")
if [[ $link ]]; then
  check "somebody takes the program off" bpftool link detach id "$link"
  check "taken off: the tunnel works by the socket" wait_for 30 by socket
  check "taken off: the status says why" \
    wait_for 10 figure_is "$B" "$WB" '.interfaces[0].state' socket
fi
check "detach" ours "$B" detach u0
check "nothing is left" nothing_is_left "$B" u0
check "the tunnel works by the socket" by socket
