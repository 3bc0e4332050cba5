#!/usr/bin/env bash
# Batches shared among workers: what goes through arrives byte for byte, each flow in order, and the
# others really did some of the work. XM_FULL=1 sends 10 GB instead of 2.
source "$(dirname "$0")/lib.sh"

setup jq
two_hosts

sharing() { # MODE
  start_wg "$A" "$WA" "$UNDER_TEST" --handoff "$1" --workers 3
  start_wg "$B" "$WB" "$UNDER_TEST" --handoff "$1" --workers 3
  configure_pair 4
}

# shared HOST INTERFACE COUNTER: its sum over the workers; empty when no worker has it.
shared() {
  in_ns "$1" "$UNDER_TEST" status --json "$2" |
    jq -r --arg name "$3" '[.workers[].counters[$name] | values] | add // ""'
}
show_shares() {
  note "$1: $(shared "$1" "$2" packets_done_by_others) packets done by other workers," \
    "$(shared "$1" "$2" packets_taken_back) taken back"
}
some_shared() {
  (($(shared "$1" "$2" packets_done_by_others) > 0)) &&
    (($(shared "$1" "$2" packets_done_for_others) > 0))
}
none_shared() { [[ $(shared "$1" "$2" packets_done_by_others) == 0 ]]; }
no_such_counter() { [[ -z $(shared "$1" "$2" packets_done_by_others) ]]; }

# ---- on
bytes=1000000000 # each way
[[ ${XM_FULL:-} ]] && bytes=5000000000
sharing on
start_numbers up "$A" "$B" 10.77.0.2
start_numbers down "$B" "$A" fd77::1
check "$((bytes / 1000000000)) GB each way at once, byte for byte" \
  bulk_both 10.77.0.1 10.77.0.2 "$bytes"
check "the UDP flow from A came in order" stop_numbers up
check "the UDP flow from B came in order" stop_numbers down
show_shares "$A" "$WA"
show_shares "$B" "$WB"
check "others did some of A's work" some_shared "$A" "$WA"
check "others did some of B's work" some_shared "$B" "$WB"
start_echo "$B"
check "datagrams of every size there and back" \
  traffic_in "$A" ping 10.77.0.2 7000 --count 2800 --size 8 --up-to 1400 --rate 3000
stop_tunnel

# ---- auto, with little to do
sharing auto
STREAM_RATE=1000000 start_stream slow "$A" "$B" 10.77.0.2
check "auto: a slow stream moves" stream_moves slow
check "auto: it is byte-exact" stop_stream slow
check "auto: A shared nothing of it" none_shared "$A" "$WA"
check "auto: B shared nothing of it" none_shared "$B" "$WB"
stop_tunnel

# ---- off
sharing off
check "off: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
check "off: A has no such counters" no_such_counter "$A" "$WA"
check "off: B has no such counters" no_such_counter "$B" "$WB"
