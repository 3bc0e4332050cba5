#!/usr/bin/env bash
# Tunnels whose data messages come by XDP, in native and generic mode, with one and four queues, by
# both paths and by choice: bulk both ways, UDP, roaming, new sessions, a peer that is wireguard-go.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp

hosts() { # QUEUES
  add_host "$A"
  add_host "$B"
  connect "$1"
}
connect() {
  ip link add u0 netns "$A" numrxqueues "$1" numtxqueues "$1" type veth \
    peer name u0 netns "$B" numrxqueues "$1" numtxqueues "$1"
  ip -n "$A" link set u0 up
  ip -n "$B" link set u0 up
  address "$A" u0 192.0.2.1/24 2001:db8::1/64
  address "$B" u0 192.0.2.2/24 2001:db8::2/64
}
verdict_of_path() { # PATH: what is counted when packets take it
  if [[ $1 == xdp ]]; then echo redirect; else echo pass_socket_chosen; fi
}
# comes_by PATH: what B receives takes that path, and the status says so.
comes_by() {
  local name before
  name=$(verdict_of_path "$1")
  before=$(verdict "$B" "$WB" "$name")
  ping_ok "$A" 10.77.0.2 && verdict_above "$B" "$WB" "$name" "$before" &&
    receives_by "$B" "$WB" "$1" && figure_is "$B" "$WB" '.interfaces[0].rx' "$1"
}

works() { # TEXT
  check "$1: TCP both ways" bulk_both 10.77.0.1 10.77.0.2 4000000
  check "$1: TCP both ways, IPv6 inside" bulk_both fd77::1 fd77::2 2000000
  check "$1: UDP there and back" udp_ok "$A" 10.77.0.2 200 1300
  check "$1: UDP in fragments" udp_ok "$A" fd77::2 50 4000
  check "$1: every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"
}

# ---- modes, queues, paths -----------------------------------------------------------------------
hosts 1
tunnel "$UNDER_TEST" "$UNDER_TEST"
start_echo "$B"
check "the tunnel works" ping_ok "$A" 10.77.0.2
for queues in 1 4; do
  if ((queues == 4)); then
    ip -n "$B" link del u0
    connect 4
  fi
  for mode in native generic; do
    for rx in xdp socket auto; do
      text="$mode, $queues queue(s), $rx"
      check "$text: attach" ours "$B" attach u0 --mode "$mode" --rx "$rx"
      check "$text: a socket for each queue" figure_is "$B" "$WB" \
        '[.interfaces[0].queues[] | select(.mode != "none")] | length' "$queues"
      if [[ $rx == auto ]]; then
        works "$text"
        check "$text: it says what it chose and why" figure_is "$B" "$WB" \
          '.interfaces[0].rx_reason | length > 0' true
        check "$text: that way they come" wait_for 10 eval 'comes_by "$(figure "$B" "$WB" ".interfaces[0].rx")"'
      else
        check "$text: that way they come" comes_by "$rx"
        works "$text"
      fi
      check "$text: detach" ours "$B" detach u0
    done
  done
done

# ---- both ends attached, the other family outside -------------------------------------------------
ours "$A" attach u0 "${NATIVE[@]}" >/dev/null
ours "$B" attach u0 "${NATIVE[@]}" >/dev/null
works "both ends attached"
check "both ends attached: A's packets come by XDP, too" receives_by "$A" "$WA" xdp
# Roaming has no memory: what was sent before and is still under way moves an end back (roaming.sh).
both_have_ipv6() {
  endpoint_is "$WB" "${PUB[a]}" '[2001:db8::1]:51820' &&
    endpoint_is "$WA" "${PUB[b]}" '[2001:db8::2]:51820'
}
told_ipv6() {
  wg set "$WA" peer "${PUB[b]}" endpoint '[2001:db8::2]:51820'
  ping_ok "$A" 10.77.0.2 && ping_ok "$B" 10.77.0.1 && both_have_ipv6
}
check "IPv6 outside: A is told, B follows" wait_for 30 told_ipv6
check "IPv6 outside: by XDP" comes_by xdp
works "IPv6 outside"

# ---- roaming, seen by XDP -------------------------------------------------------------------------
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" fd77::1
both_go_on() { stream_moves up && stream_moves down; }
roamed() { endpoint_is "$WB" "${PUB[a]}" "$1"; }
ip -n "$A" addr del 2001:db8::1/64 dev u0
address "$A" u0 2001:db8::11/64
check "A's IPv6 address changes: B follows" wait_for 20 roamed '[2001:db8::11]:51820'
check "A's IPv6 address changes: both streams go on" both_go_on
wg set "$WA" listen-port 40001
check "A's port changes: B follows" wait_for 20 roamed '[2001:db8::11]:40001'
check "A's port changes: both streams go on" both_go_on
told_ipv4() {
  wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.2:51820
  both_go_on && roamed 192.0.2.1:40001
}
check "A is told an IPv4 endpoint: B follows" wait_for 30 told_ipv4
ip -n "$A" addr del 192.0.2.1/24 dev u0
address "$A" u0 192.0.2.11/24
check "A's IPv4 address changes: B follows" wait_for 20 roamed 192.0.2.11:40001
check "A's IPv4 address changes: both streams go on" both_go_on
check "all of that came by XDP" receives_by "$B" "$WB" xdp

# ---- new sessions ---------------------------------------------------------------------------------
for i in 1 2 3; do
  sleep 1.1 # initiations are dated by the second
  handshake=$(latest_handshake "$WB")
  wg set "$WA" peer "${PUB[b]}" remove
  wg set "$WA" peer "${PUB[b]}" endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
  check "A starts anew, $i: a handshake" wait_for 20 handshake_after "$WB" "$handshake"
  check "A starts anew, $i: both streams go on" both_go_on
done
check "in the new session, too, packets come by XDP" comes_by xdp
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down
stop_tunnel

# ---- wireguard-go ---------------------------------------------------------------------------------
if GO=$(command -v wireguard-go); then
  ip -n "$A" addr flush dev u0
  address "$A" u0 192.0.2.1/24 2001:db8::1/64
  tunnel "$GO" "$UNDER_TEST"
  check "wireguard-go: attach" ours "$B" attach u0 "${NATIVE[@]}"
  check "wireguard-go: packets come by XDP" comes_by xdp
  works "wireguard-go"
  stop_wg "$WA" KILL
  start_wg "$A" "$WA" "$GO"
  wg set "$WA" private-key "$TMP/a.key" listen-port "$PORT_A" peer "${PUB[b]}" \
    endpoint '[2001:db8::2]:51820' allowed-ips 10.77.0.2/32,fd77::2/128
  address "$A" "$WA" 10.77.0.1/24 fd77::1/64
  ip -n "$A" link set "$WA" mtu 1420 up
  check "wireguard-go starts anew: packets come by XDP" comes_by xdp
  works "wireguard-go, anew"
  check "detach" ours "$B" detach u0
else
  note "wireguard-go is not installed: not tried as the peer"
fi
check "nothing is left" nothing_is_left "$B" u0
