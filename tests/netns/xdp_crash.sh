#!/usr/bin/env bash
# Agents that are killed or stopped while data moves: the interface goes on, data messages pass to
# the kernel, the next agent takes over what is there, or `detach` removes it. XM_ROUNDS kills.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp nft
rounds=${XM_ROUNDS:-50}
two_hosts
genkeys a b
count_packets "$B" input data udp dport "$PORT_B" @th,64,8 4

configure_b() {
  wg set "$WB" private-key "$TMP/b.key" listen-port "$PORT_B" peer "${PUB[a]}" \
    endpoint 192.0.2.1:51820 allowed-ips 10.77.0.1/32,fd77::1/128
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64
  ip -n "$B" link set "$WB" mtu 1420 up
}
# One engine, so that it is not measured at every start.
start_b() {
  start_wg "$B" "$WB" "$UNDER_TEST" --aead libsodium --attach u0,mode=native,rx=xdp
  configure_b
}

start_wg "$A" "$WA" "$UNDER_TEST"
wg set "$WA" private-key "$TMP/a.key" listen-port "$PORT_A" peer "${PUB[b]}" \
  endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
address "$A" "$WA" 10.77.0.1/24 fd77::1/64
ip -n "$A" link set "$WA" mtu 1420 up
start_b
check "the tunnel works" ping_ok "$A" 10.77.0.2
check "by XDP" wait_for 10 receives_by "$B" "$WB" xdp

# Beside the tunnel, through the same interface, and undisturbed to the end.
STREAM_RATE=2000000
start_stream beside_up "$A" "$B" 192.0.2.2
start_stream beside_down "$B" "$A" 2001:db8::1
beside_moves() {
  local name
  for name in beside_up beside_down; do
    wait_for 30 stream_beyond "$name" $(($(stream_at "$name") + 10000)) || return 1
  done
}
# Through it, from A, at all times. B has nobody who wants it.
in_background "$A" "$PYTHON" "$HERE/traffic.py" number 10.77.0.2 9 --until "$TMP/flood.end" \
  --size 600 --rate 2000 >/dev/null

# ---- killed -------------------------------------------------------------------------------------
data_above() { (($(counted "$B" data) > $1)); }
# What A sends goes to the kernel at once, whatever the dead agent's program knows of it.
passes() { wait_for 20 data_above "$1" && beside_moves; }
redirects_again() { ping_ok "$B" 10.77.0.1 && wait_for 10 receives_by "$B" "$WB" xdp; }
kill_b() {
  remember_objects "$B" u0
  stop_wg "$WB" KILL
}
for ((i = 1; i <= rounds; i++)); do
  kill_b
  check "kill -9, $i of $rounds: data messages pass" passes "$(counted "$B" data)"
  start_b
  check "restart, $i of $rounds: they are redirected" redirects_again
done
check "the last one adopted what the one before left" \
  figure_is "$B" "$WB" '.interfaces[0].program.adopted' true
check "every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"
one_program() {
  local id now=0
  remember_objects "$B" u0
  for id in $(sort -u "$TMP/objects" | awk '$1 == "prog" { print $2 }'); do
    if bpftool prog show id "$id" >/dev/null 2>&1; then now=$((now + 1)); fi
  done
  printf '%s programs of ours are there\n' "$now"
  ((now == 1))
}
check "one program, not one of each agent" wait_for 10 one_program

# ---- stopped ------------------------------------------------------------------------------------
start_stream through "$A" "$B" 10.77.0.2
stale=$(verdict "$B" "$WB" pass_stale_heartbeat)
kill -STOP "${WG_PID[$WB]}"
check "SIGSTOP: data messages pass once the heartbeat is stale" \
  wait_for 20 pinned_above "$B" u0 pass_stale_heartbeat "$stale"
check "SIGSTOP: what is beside the tunnel goes on" beside_moves
check "SIGSTOP: detach is refused, and says who has the interface" \
  refuses 1 "process ${WG_PID[$WB]}" ours "$B" detach u0
kill -CONT "${WG_PID[$WB]}"
check "SIGCONT: the stream goes on" stream_moves through
redirected=$(verdict "$B" "$WB" redirect)
check "SIGCONT: it is redirected again" \
  wait_for 10 verdict_above "$B" "$WB" redirect "$((redirected + 100))"
check "the stream through the tunnel is byte-exact" stop_stream through
check "SIGCONT: every chunk is accounted for" wait_for 30 chunks_are_conserved "$B" "$WB"

# ---- another successor --------------------------------------------------------------------------
# What the dead agent's program knows is of no use to whoever has the port now: it must not drop.
unrelated_successor() { # NAME BINARY
  kill_b
  start_wg "$B" "$WB" "$2"
  configure_b
  check "killed, then $1 without XDP: ping" ping_ok "$B" 10.77.0.1
  check "killed, then $1 without XDP: TCP both ways" bulk_both 10.77.0.1 10.77.0.2 2000000
}
unrelated_successor xdp-mesh "$UNDER_TEST"
stop_wg "$WB"
if GO=$(command -v wireguard-go); then
  start_b
  check "the tunnel works" ping_ok "$B" 10.77.0.1
  unrelated_successor wireguard-go "$GO"
  stop_wg "$WB"
else
  note "wireguard-go is not installed: not tried as a successor"
fi

# ---- without the machine's bpffs ------------------------------------------------------------------
# The pins are in a bpffs of the agent's own mount namespace, and go with it.
ours "$B" detach u0 >/dev/null # what unrelated successors left alone
MACHINE_SYS='' start_b
check "own bpffs: the tunnel works" ping_ok "$B" 10.77.0.1
check "own bpffs: by XDP" wait_for 10 receives_by "$B" "$WB" xdp
kill_b
program_is_gone() { not runs_a_program "$B" u0; }
check "own bpffs, killed: the program goes by itself" wait_for 10 program_is_gone
check "own bpffs, killed: data messages come to the kernel" passes "$(counted "$B" data)"
MACHINE_SYS='' start_b
check "own bpffs, restarted: the tunnel works" ping_ok "$B" 10.77.0.1
check "own bpffs, restarted: by XDP" wait_for 10 receives_by "$B" "$WB" xdp
stop_wg "$WB"

# ---- removed ------------------------------------------------------------------------------------
start_b
check "the tunnel works" ping_ok "$B" 10.77.0.1
kill_b
check "killed: the program is still there" runs_a_program "$B" u0
check "detach without an agent" ours "$B" detach u0
check "nothing is left: program, map, link, pin, lock" nothing_is_left "$B" u0
check "a second detach has nothing to do" refuses 1 u0 ours "$B" detach u0
touch "$TMP/flood.end"
check "the TCP stream to B beside it all is byte-exact" stop_stream beside_up
check "the TCP stream from B beside it all is byte-exact" stop_stream beside_down

start_b
check "the tunnel works" ping_ok "$B" 10.77.0.1
kill_b
ip -n "$B" link del u0
check "killed, and the interface deleted: detach" ours "$B" detach u0
check "nothing is left: program, map, link, pin, lock" nothing_is_left "$B" u0
