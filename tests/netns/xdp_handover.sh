#!/usr/bin/env bash
# --keep-attached: an agent that ends in order leaves its program, which passes everything, and the next one
# adopts it; without the option, and by `detach`, nothing is left.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp
two_hosts
genkeys a b

start_b() { # OPTION...
  start_wg "$B" "$WB" "$UNDER_TEST" --aead libsodium --attach u0,mode=native,rx=xdp "$@"
  wg set "$WB" private-key "$TMP/b.key" listen-port "$PORT_B" peer "${PUB[a]}" \
    endpoint 192.0.2.1:51820 allowed-ips 10.77.0.1/32,fd77::1/128
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64
  ip -n "$B" link set "$WB" mtu 1420 up
}
start_wg "$A" "$WA" "$UNDER_TEST"
wg set "$WA" private-key "$TMP/a.key" listen-port "$PORT_A" peer "${PUB[b]}" \
  endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
address "$A" "$WA" 10.77.0.1/24 fd77::1/64
ip -n "$A" link set "$WA" mtu 1420 up
start_b --keep-attached
check "the tunnel works" ping_ok "$B" 10.77.0.1
check "by XDP" wait_for 10 receives_by "$B" "$WB" xdp

# Beside the tunnel, through the same interface, and undisturbed to the end.
STREAM_RATE=2000000
start_stream beside "$A" "$B" 192.0.2.2
stays() { [[ $program && $(program_on "$B" u0) == "$program" ]]; }
for round in 1 2 3; do
  program=$(program_on "$B" u0)
  stop_wg "$WB"
  check "SIGTERM, $round of 3: the program stays" stays
  check "everything else goes on" stream_moves beside
  start_b --keep-attached
  check "restart, $round of 3: adopted" figure_is "$B" "$WB" '.interfaces[0].program.adopted' true
  check "the tunnel works" ping_ok "$B" 10.77.0.1
  check "by XDP" wait_for 10 receives_by "$B" "$WB" xdp
done
check "every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"

remember_objects "$B" u0
stop_wg "$WB"
start_b
check "an agent without the option adopts too" figure_is "$B" "$WB" '.interfaces[0].program.adopted' true
check "the tunnel works" ping_ok "$B" 10.77.0.1
stop_wg "$WB"
check "and takes it off at its end" nothing_is_left "$B" u0

start_b --keep-attached
remember_objects "$B" u0
stop_wg "$WB"
check "detach, with no agent running" ours "$B" detach u0
check "leaves nothing" nothing_is_left "$B" u0
check "the stream beside it arrived byte for byte" stop_stream beside
