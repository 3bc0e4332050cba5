#!/usr/bin/env bash
# What happens to the interface from outside: down and up, another MTU, a move to another network
# namespace, deletion; and the socket file deleted.
source "$(dirname "$0")/lib.sh"

setup nft
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
start_echo "$B"
check "the tunnel works" ping_ok "$A" 10.77.0.2

# ---- down and up
count_packets "$A" output from_a udp sport 51820
silent_for_a_while() {
  local before
  before=$(counted "$A" from_a)
  ping_lost "$B" 10.77.0.1
  (($(counted "$A" from_a) == before))
}
wg set "$WA" peer "${PUB[b]}" persistent-keepalive 1
keeps_alive() { (($(counted "$A" from_a) > $1)); }
ip -n "$A" link set "$WA" down
sleep 0.5 # nothing shows from outside when the process has noticed
check "down: nothing leaves any more, not even keepalives or answers to handshakes" \
  silent_for_a_while
check "down: the configuration socket answers" wg show "$WA"
sleep 1.1
before=$(latest_handshake "$WB")
ip -n "$A" link set "$WA" up
check "up: the persistent keepalive makes a handshake without other traffic" \
  wait_for 20 handshake_after "$WB" "$before"
check "up: the tunnel works" ping_ok "$A" 10.77.0.2
check "up: and from the other end" ping_ok "$B" 10.77.0.1
address "$A" "$WA" fd77::1/64 # the kernel removes IPv6 addresses from an interface that is down
start_stream across "$A" "$B" 10.77.0.2
for _ in 1 2 3; do
  ip -n "$A" link set "$WA" down
  ip -n "$A" link set "$WA" up
done
check "three quick downs and ups under traffic: the stream goes on" stream_moves across
check "three quick downs and ups under traffic: it is byte-exact" stop_stream across
wg set "$WA" peer "${PUB[b]}" persistent-keepalive 0

# ---- MTU. Padding goes to a multiple of 16 but not past the MTU: an inner packet of 1283 bytes is
# 1296 + 40 bytes of UDP at MTU 1420, and 1285 + 40 at MTU 1285.
set_mtu() {
  ip -n "$A" link set "$WA" mtu "$1"
  ip -n "$B" link set "$WB" mtu "$1"
  wait_for 10 padded_to "$1" "$2"
}
padded_to() {
  local before
  before=$(counted "$A" "len_$2")
  ping_ok "$A" 10.77.0.2 -M "do" -s $((1283 - 28))
  (($(counted "$A" "len_$2") > before))
}
count_packets "$A" output len_1325 udp sport 51820 udp length 1325
count_packets "$A" output len_1336 udp sport 51820 udp length 1336
check "MTU 1420: a packet of 1283 bytes is padded to 1296" padded_to 1420 1336
check "MTU 1285: the same packet is not padded past the MTU" set_mtu 1285 1325
check "MTU 1285: a larger one is refused by the kernel" \
  not ping_ok "$A" 10.77.0.2 -M "do" -s 1258 -w 1
check "MTU 1285: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
check "MTU 1500, outer packets are fragmented" set_mtu 1500 1336
check "MTU 1500: a full packet" ping_ok "$A" 10.77.0.2 -M "do" -s $((1500 - 28))
check "MTU 1500: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
ip -n "$A" link set u0 mtu 9000
ip -n "$B" link set u0 mtu 9000
check "MTU 8900 over a path of 9000" set_mtu 8900 1336
check "MTU 8900: a full packet" ping_ok "$A" 10.77.0.2 -M "do" -s $((8900 - 28))
check "MTU 8900: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
check "MTU 8900: UDP" udp_ok "$A" 10.77.0.2 100 8000
check "MTU 1420 again" set_mtu 1420 1336
check "MTU 1420 again: TCP both ways" bulk_both 10.77.0.1 10.77.0.2

# ---- another namespace. The sockets stay in the one the process was born in.
BIRTH=$A A=$RUN-c
add_host "$A"
ip -n "$BIRTH" link set "$WA" netns "$A"
address "$A" "$WA" 10.77.0.1/24 fd77::1/64
ip -n "$A" link set "$WA" up
check "moved to another namespace: the tunnel works there" ping_ok "$A" 10.77.0.2
check "moved: from the other end, IPv6" ping_ok "$B" fd77::1
check "moved: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
check "moved: the port is still bound where the process was born" udp_bound "$BIRTH" 51820
check "moved: and not in the new namespace" not udp_bound "$A" 51820
wg set "$WA" listen-port 51821
check "moved: a new port is bound there, too" udp_bound "$BIRTH" 51821
check "moved: the tunnel follows it" ping_ok "$A" 10.77.0.2
count_packets "$BIRTH" output moved_1325 udp sport 51821 udp length 1325
mtu_follows() {
  ping_ok "$A" 10.77.0.2 -M "do" -s $((1283 - 28))
  counted_some "$BIRTH" moved_1325
}
ip -n "$A" link set "$WA" mtu 1285
check "moved: a new MTU is followed" wait_for 20 mtu_follows
ip -n "$A" link set "$WA" mtu 1420
count_packets "$BIRTH" output from_moved udp sport 51821
moved_is_silent() {
  local before
  before=$(counted "$BIRTH" from_moved)
  ping_lost "$B" 10.77.0.1
  (($(counted "$BIRTH" from_moved) == before))
}
ip -n "$A" link set "$WA" down
check "moved and down: nothing leaves any more" wait_for 20 moved_is_silent
ip -n "$A" link set "$WA" up
check "moved and up again: the tunnel works" wait_for 20 ping_ok "$A" 10.77.0.2

# ---- the end
process_ended() { # INTERFACE; sets aside the bookkeeping of a process that ends by itself
  wait_for 20 ended "${WG_PID[$1]}" || fail "$1 still runs"
  unset "WG_PID[$1]"
}
ip -n "$A" link del "$WA"
process_ended "$WA"
ok "deleted in the namespace it was moved to: the process ends"
check "and has removed its socket" not test -e "$UAPI_DIR/$WA.sock"
start_wg "$BIRTH" "$WA" "$UNDER_TEST"
ip -n "$BIRTH" link del "$WA"
process_ended "$WA"
ok "deleted at home: the process ends"
check "and has removed its socket" not test -e "$UAPI_DIR/$WA.sock"
rm "$UAPI_DIR/$WB.sock"
process_ended "$WB"
ok "the socket file is deleted: the process ends"
check "and its interface is gone" not ip -n "$B" link show dev "$WB"
