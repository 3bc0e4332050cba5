#!/usr/bin/env bash
# What is not ours goes through an interface with XDP attached as if there were none: TCP, UDP of every
# size, super-packets, fragments, VLANs, jumbo frames, what a router forwards to our very port, what
# comes for other addresses. Byte for byte, and no datagram lost.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp ethtool
#            $A                               $M                              $B
#   +------------------+         +---------------------------+         +----------------+
#   | u0 198.51.100.2  |---------| u0 198.51.100.1           |         |                |
#   | $WA to $M        |         | $WM listens, attached     |         |                |
#   | $WC to $B        |         |             u1 192.0.2.1  |---------| u0 192.0.2.2   |
#   +------------------+         +---------------------------+         | $WB listens    |
#                                                                      +----------------+
WM=${RUN}m WC=${RUN}c
for host in "$A" "$M" "$B"; do add_host "$host"; done
join "$A" u0 "$M" u0
join "$M" u1 "$B" u0
address "$A" u0 198.51.100.2/24 2001:db8:1::2/64
address "$M" u0 198.51.100.1/24 2001:db8:1::1/64
address "$M" u1 192.0.2.1/24
address "$B" u0 192.0.2.2/24
ip -n "$A" route add default via 198.51.100.1
ip -n "$B" route add default via 192.0.2.1
in_ns "$M" sysctl -qw net.ipv4.ip_forward=1

genkeys a b c m
configure() { # HOST INTERFACE KEY PORT PEER ENDPOINT ADDRESS OF-PEER
  start_wg "$1" "$2" "$UNDER_TEST"
  wg set "$2" private-key "$TMP/$3.key" listen-port "$4" peer "${PUB[$5]}" endpoint "$6" \
    allowed-ips "$8/32"
  address "$1" "$2" "$7/32"
  ip -n "$1" link set "$2" mtu 1420 up
  ip -n "$1" route add "$8/32" dev "$2"
}
configure "$M" "$WM" m 51820 a 198.51.100.2:51820 10.77.0.2 10.77.0.1
configure "$A" "$WA" a 51820 m 198.51.100.1:51820 10.77.0.1 10.77.0.2
configure "$B" "$WB" b 51820 c 198.51.100.2:51821 10.78.0.2 10.78.0.1
configure "$A" "$WC" c 51821 b 192.0.2.2:51820 10.78.0.1 10.78.0.2
check "the tunnel to the router works" ping_ok "$A" 10.77.0.2
check "the tunnel through the router works" ping_ok "$A" 10.78.0.2
start_echo "$M" 7000
start_echo "$B" 7000

# datagrams FROM ADDRESS SIZE UP-TO COUNT: all come back unchanged.
datagrams() {
  traffic_in "$1" ping "$2" 7000 --size "$3" --up-to "$4" --count "$5" --rate 1000
}
# bulk_to ADDRESS-OF-M ADDRESS-OF-A: both ways at once.
bulk_to() {
  bulk "$A" "$M" "$1" 20000000 &
  local other=$!
  bulk "$M" "$A" "$2" 20000000
  wait "$other"
}

undisturbed() { # TEXT
  local before
  check "$1: TCP" bulk_to 198.51.100.1 198.51.100.2
  check "$1: TCP over IPv6" bulk_to 2001:db8:1::1 2001:db8:1::2
  check "$1: UDP of every size" datagrams "$A" 198.51.100.1 8 1472 1465
  check "$1: UDP over IPv6" datagrams "$A" 2001:db8:1::1 1400 1452 106
  check "$1: UDP in fragments" datagrams "$A" 198.51.100.1 3000 3010 50
  check "$1: UDP of 60,000 bytes" datagrams "$A" 2001:db8:1::1 60000 60002 6
  check "$1: forwarded TCP" bulk "$A" "$B" 192.0.2.2
  check "$1: forwarded UDP" datagrams "$A" 192.0.2.2 8 1472 200

  # Data messages to our port, for another host: the tunnel from A to B.
  before=$(verdict "$M" "$WM" pass_foreign_address)
  check "$1: a tunnel that we forward: TCP there" bulk "$A" "$B" 10.78.0.2
  check "$1: a tunnel that we forward: TCP back" bulk "$B" "$A" 10.78.0.1
  check "$1: a tunnel that we forward: it went by the program" \
    verdict_above "$M" "$WM" pass_foreign_address $((before + 20))

  check "$1: our own tunnel" bulk "$A" "$M" 10.77.0.2
  # To an address of ours that another interface has: the kernel takes it for local, and so it is.
  wg set "$WA" peer "${PUB[m]}" endpoint 192.0.2.1:51820
  check "$1: our tunnel, by an address of another interface" ping_ok "$A" 10.77.0.2
  check "$1: it came by the socket" receives_by "$M" "$WM" socket
  wg set "$WA" peer "${PUB[m]}" endpoint 198.51.100.1:51820
  check "$1: our tunnel, by its own address" ping_ok "$A" 10.77.0.2
  check "$1: it came by XDP" receives_by "$M" "$WM" xdp
}

for mode in native generic; do
  check "$mode: attach" ours "$M" attach u0 --mode "$mode" --rx xdp
  undisturbed "$mode"
  check "$mode: detach" ours "$M" detach u0
done

# GRO after a native program makes 64 KB packets of what it passes.
in_ns "$M" ethtool -K u0 gro on
check "GRO: attach" ours "$M" attach u0 "${NATIVE[@]}"
check "GRO: TCP" bulk_to 198.51.100.1 198.51.100.2
check "GRO: forwarded TCP" bulk "$A" "$B" 192.0.2.2
check "GRO: a tunnel that we forward" bulk "$A" "$B" 10.78.0.2
check "GRO: our own tunnel" bulk "$A" "$M" 10.77.0.2
check "GRO: detach" ours "$M" detach u0

# ---- VLAN ---------------------------------------------------------------------------------------
in_vlan() { # MODE
  check "VLAN, $1: attach to the device below" ours "$M" attach u0 --mode "$1" --rx xdp
  check "VLAN, $1: TCP" bulk_to 203.0.113.1 203.0.113.2
  check "VLAN, $1: UDP" datagrams "$A" 203.0.113.1 8 1472 200
  wg set "$WA" peer "${PUB[m]}" endpoint 203.0.113.1:51820
  check "VLAN, $1: our tunnel within" bulk "$A" "$M" 10.77.0.2
  wg set "$WA" peer "${PUB[m]}" endpoint 198.51.100.1:51820
  check "VLAN, $1: our tunnel beside it" ping_ok "$A" 10.77.0.2
  check "VLAN, $1: detach" ours "$M" detach u0
}
if ip -n "$A" link add link u0 name u0.7 type vlan id 7 2>"$TMP/vlan" &&
  ip -n "$M" link add link u0 name u0.7 type vlan id 7; then
  ip -n "$A" link set u0.7 up
  ip -n "$M" link set u0.7 up
  address "$A" u0.7 203.0.113.2/24
  address "$M" u0.7 203.0.113.1/24
  in_vlan native
  in_vlan generic
else
  note "no VLAN devices here: $(cat "$TMP/vlan")"
fi

# ---- link-local addresses -----------------------------------------------------------------------
# A bridge has the MAC of its port and so the same link-local address, which makes what comes to it
# the bridge's: an endpoint learnt as the port's would be answered in vain.
link_local() { # DEVICE
  ip -n "$M" -j addr show dev "$1" |
    jq -er '[.[].addr_info[] | select(.family == "inet6" and .scope == "link")][0].local'
}
share_link_local() { [[ $(link_local br0) == "$(link_local u0)" ]]; }
under_bridge() { # MODE
  check "bridge, $1: attach to the port" ours "$M" attach u0 --mode "$1" --rx xdp
  in_ns "$A" wg set "$WA" peer "${PUB[m]}" endpoint "[$(link_local br0)%u0]:51820"
  check "bridge, $1: our tunnel to the bridge" wait_for 10 ping_ok "$A" 10.77.0.2
  check "bridge, $1: our tunnel from the bridge" bulk "$M" "$A" 10.77.0.1
  check "bridge, $1: it came by the socket" receives_by "$M" "$WM" socket
  check "bridge, $1: detach" ours "$M" detach u0
}
if ip -n "$M" link add br0 address "$(in_ns "$M" cat /sys/class/net/u0/address)" type bridge \
  2>"$TMP/bridge"; then
  ip -n "$M" link set u0 master br0
  ip -n "$M" link set br0 up
  check "bridge: it has the link-local address of its port" wait_for 10 share_link_local
  under_bridge native
  under_bridge generic
  ip -n "$M" link del br0
  wg set "$WA" peer "${PUB[m]}" endpoint 198.51.100.1:51820
  check "no bridge any more: our tunnel" wait_for 10 ping_ok "$A" 10.77.0.2
else
  note "no bridges here: $(cat "$TMP/bridge")"
fi

# ---- jumbo frames -------------------------------------------------------------------------------
ip -n "$A" link set u0 mtu 9000
ip -n "$M" link set u0 mtu 9000
for mode in native generic; do
  check "jumbo, $mode: attach" ours "$M" attach u0 --mode "$mode" --rx xdp
  check "jumbo, $mode: TCP" bulk_to 198.51.100.1 198.51.100.2
  check "jumbo, $mode: UDP of every size" datagrams "$A" 198.51.100.1 1400 8972 400
  check "jumbo, $mode: our tunnel" bulk "$A" "$M" 10.77.0.2
  ip -n "$A" link set "$WA" mtu 8920
  ip -n "$M" link set "$WM" mtu 8920
  check "jumbo, $mode: jumbo frames of our tunnel" ping_ok "$A" 10.77.0.2 -s 8800 -M "do"
  check "jumbo, $mode: TCP in them" bulk "$A" "$M" 10.77.0.2
  check "jumbo, $mode: detach" ours "$M" detach u0
done
remember_objects "$M" u0 || true
check "nothing is left" nothing_is_left "$M" u0
