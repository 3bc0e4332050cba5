#!/usr/bin/env bash
# A receive queue that another program's AF_XDP socket has: the agent does without, says so, and takes
# it when it is free.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp
add_host "$A"
add_host "$B"
ip link add u0 netns "$A" numrxqueues 2 numtxqueues 2 type veth \
  peer name u0 netns "$B" numrxqueues 2 numtxqueues 2
for host in "$A" "$B"; do ip -n "$host" link set u0 up; done
address "$A" u0 192.0.2.1/24
address "$B" u0 192.0.2.2/24
tunnel "$UNDER_TEST" "$UNDER_TEST"

queues_bound() {
  figure_is "$B" "$WB" '[.interfaces[0].queues[] | select(.mode != "none")] | length' "$1"
}
hold() { # QUEUE
  in_background "$B" "$PYTHON" "$HERE/traffic.py" hold-queue u0 "$1" >"$TMP/held"
  holder=$LAST_PID
  wait_for 10 test -s "$TMP/held"
}

hold 1
check "attach while another program has queue 1" ours "$B" attach u0 --mode native
check "there is one socket" queues_bound 1
check "the status says why there is no other" \
  shows "queue 1 of u0: another socket has it" ours "$B" status "$WB"
check "the tunnel works" ping_ok "$A" 10.77.0.2
steps() { figure "$B" "$WB" '.interfaces[0].steps | length'; }
before=$(steps)
sleep 4
check "trying again in vain adds nothing to what was done" \
  figure_is "$B" "$WB" '.interfaces[0].steps | length' "$before"
kill "$holder"
check "when queue 1 is free it gets its socket, without being asked" wait_for 40 queues_bound 2
check "the status says that all is well" \
  figure_is "$B" "$WB" '.interfaces[0].state' up
check "the tunnel works" ping_ok "$A" 10.77.0.2
check "TCP both ways" bulk_both 10.77.0.1 10.77.0.2 3000000
check "every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"
check "detach" ours "$B" detach u0
check "nothing is left" nothing_is_left "$B" u0
