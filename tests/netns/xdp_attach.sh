#!/usr/bin/env bash
# Attaching to and detaching from an interface while data moves: nothing of a TCP stream is lost,
# nothing is left behind, and nobody else's program is touched.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp
two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
check "the tunnel works" ping_ok "$A" 10.77.0.2

# moves_by_xdp HOW: both streams go on, and what B receives was redirected.
moves_by_xdp() {
  local before
  before=$(verdict "$B" "$WB" redirect)
  stream_moves up && stream_moves down && verdict_above "$B" "$WB" redirect "$before" &&
    receives_by "$B" "$WB" xdp
}

# planned KIND: the mode, or the way, that --dry-run has said; the last one that was not refused.
planned() {
  case $1 in
    mode) sed -n 's/^  done     \(native\|generic\) mode.*/\1/p' "$TMP/plan" ;;
    via) sed -n 's/^  done     libxdp dispatcher.*/dispatcher/p; s/^  done     BPF link.*/link/p' "$TMP/plan" ;;
  esac | tail -n 1
}
# attaches_as_planned OPTION...: mode, way, and what the kernel refused, with its reason.
attaches_as_planned() {
  local reason
  ours "$B" attach u0 --dry-run "$@" >"$TMP/plan" || return 1
  ours "$B" attach u0 "$@" >"$TMP/attached" || return 1
  cat "$TMP/plan" "$TMP/attached"
  figure_is "$B" "$WB" '.interfaces[0].program.mode' "$(planned mode)" &&
    figure_is "$B" "$WB" '.interfaces[0].program.via' "$(planned via)" || return 1
  while read -r reason; do
    grep -qF -- "$reason" "$TMP/attached" || { echo "attach does not say: $reason" && return 1; }
  done < <(sed -n "s/^  refused  [a-zA-Z_ -]*: //p" "$TMP/plan")
}

# ---- nothing happens by itself ------------------------------------------------------------------
check "--dry-run says what would happen" shows "would be attached" ours "$B" attach u0 --dry-run
check "--dry-run leaves nothing" nothing_is_left "$B" u0
check "--dry-run holds nothing" figure_is "$B" "$WB" '.interfaces | length' 0
# A veth has no zero-copy: who demands it gets an error, not less.
check "--zerocopy yes where there is none: refused" \
  refuses 1 "zero-copy on all queues was demanded" ours "$B" attach u0 --zerocopy yes
check "--zerocopy yes where there is none: --dry-run says so" \
  refuses 1 "has no zero-copy" ours "$B" attach u0 --zerocopy yes --dry-run
check "--zerocopy yes where there is none: nothing is left" nothing_is_left "$B" u0
check "--zerocopy yes where there is none: nothing is held" \
  figure_is "$B" "$WB" '.interfaces | length' 0

check "attach does what --dry-run says" attaches_as_planned
check "attach says what the driver did to its link" grep -F "the link stayed up" "$TMP/attached"
check "the queue says why it copies" figure_is "$B" "$WB" \
  '.interfaces[0].queues[0] | .mode + ": " + .reason' \
  "copy: the driver veth has no zero-copy (netdev features)"
check "detach says it too" shows "the link stayed up" ours "$B" detach u0
check "--zerocopy no" ours "$B" attach u0 --zerocopy no
check "there is no reason to give for what was asked for" \
  figure_is "$B" "$WB" '.interfaces[0].queues[0] | .mode + ": " + .reason' "copy: "
check "detach" ours "$B" detach u0

# Without Ethernet headers the program is not sure of anything.
ip -n "$B" tuntap add t0 mode tun
ip -n "$B" link set t0 up
NO_ETHERNET="t0 has no Ethernet headers: the program passes everything there"
check "no Ethernet: --dry-run says so" shows "$NO_ETHERNET" ours "$B" attach t0 --dry-run
check "no Ethernet: doctor says so" shows "$NO_ETHERNET" ours "$B" doctor t0
check "no Ethernet: attach says so" shows "$NO_ETHERNET" ours "$B" attach t0
check "no Ethernet: the status says so" \
  figure_is "$B" "$WB" '.interfaces[0] | .state + " " + .rx' "socket socket"
check "no Ethernet: detach" ours "$B" detach t0
check "no Ethernet: --rx xdp is refused" refuses 1 "$NO_ETHERNET" ours "$B" attach t0 --rx xdp
check "no Ethernet: --rx xdp --dry-run is refused" \
  refuses 1 "$NO_ETHERNET" ours "$B" attach t0 --rx xdp --dry-run
ip -n "$B" link del t0

check "its own tunnel device: refused, with what to take instead" \
  refuses 1 "is this agent's own tunnel device" ours "$B" attach "$WB"
check "its own tunnel device: --dry-run says the same" \
  refuses 1 "is this agent's own tunnel device" ours "$B" attach "$WB" --dry-run
check "more queues than there are: it says how many there will be" \
  shows "u0 has 1 receive queue: a socket for each of them" ours "$B" attach u0 --queues 9
check "more queues than there are: one socket" \
  figure_is "$B" "$WB" '.interfaces[0].queues | length' 1
check "detach" ours "$B" detach u0

# ---- in the middle of a transfer ----------------------------------------------------------------
STREAM_RATE=5000000
start_stream up "$A" "$B" 10.77.0.2
start_stream down "$B" "$A" fd77::1
for mode in native generic; do
  check "$mode: attach, as --dry-run says" attaches_as_planned --mode "$mode" --rx xdp
  remember_objects "$B" u0
  check "$mode: it runs in that mode" \
    figure_is "$B" "$WB" '.interfaces[0].program.mode' "$mode"
  if [[ $mode == native ]]; then
    check "$mode: both streams go on, by XDP" moves_by_xdp
    check "$mode: every chunk is accounted for" wait_for 10 chunks_are_conserved "$B" "$WB"
  else # bulk comes in super-packets, which are the sockets'
    check "$mode: both streams go on" eval 'stream_moves up && stream_moves down'
  fi
  check "$mode: a second attach by the same agent is refused" \
    refuses 1 "holds u0 already" ours "$B" attach u0
  check "$mode: detach" ours "$B" detach u0
  check "$mode: both streams go on without it" eval 'stream_moves up && stream_moves down'
  check "$mode: nothing is left" nothing_is_left "$B" u0
done

# ---- many times ---------------------------------------------------------------------------------
a_bit_more() { wait_for 30 stream_beyond "$1" $(($(stream_at "$1") + 100000)); }
cycle() {
  ours "$B" attach u0 "$@" && remember_objects "$B" u0 && a_bit_more up && a_bit_more down &&
    wait_for 10 verdict_above "$B" "$WB" redirect 50 &&
    wait_for 10 chunks_are_conserved "$B" "$WB" && ours "$B" detach u0 && a_bit_more up
}
descriptors() { find "/proc/${WG_PID[$WB]}/fd" -type l | wc -l; }
descriptors_are() { (($(descriptors) == $1)); }
open_before=$(descriptors)
cycles() {
  local i
  for i in {1..20}; do
    echo "cycle $i"
    cycle "${NATIVE[@]}" || return 1
  done
}
check "attach, data, detach: 20 times" cycles
check "nothing is left: program, map, link, pin, lock" nothing_is_left "$B" u0
check "the agent has no more descriptors than before" wait_for 10 descriptors_are "$open_before"
check "the stream from A is byte-exact" stop_stream up
check "the stream from B is byte-exact" stop_stream down

# ---- two agents ---------------------------------------------------------------------------------
WC=${RUN}c
genkeys c
start_wg "$B" "$WC" "$UNDER_TEST"
wg set "$WC" private-key "$TMP/c.key" listen-port 51821 peer "${PUB[a]}" \
  endpoint 192.0.2.1:51820 allowed-ips 10.78.0.1/32
wg set "$WA" peer "${PUB[c]}" endpoint 192.0.2.2:51821 allowed-ips 10.78.0.2/32
address "$A" "$WA" 10.78.0.1/24
address "$B" "$WC" 10.78.0.2/24
ip -n "$B" link set "$WC" up
check "two agents: one is to be named" refuses 1 "expected --to with one of" ours "$B" attach u0
check "two agents: the error names the first" grep -q "$WB" "$TMP/refused"
check "two agents: the error names the second" grep -q "$WC" "$TMP/refused"
check "two agents: --to" ours "$B" attach u0 --to "$WB" "${NATIVE[@]}"
check "the second agent is refused, and told who has it" \
  refuses 1 "${WG_PID[$WB]}" ours "$B" attach u0 --to "$WC"
check "the second agent: --dry-run says the same" \
  refuses 1 "(process ${WG_PID[$WB]}) already owns it" ours "$B" attach u0 --to "$WC" --dry-run
check "doctor names the owner" \
  refuses 1 "owner: an xdp-mesh agent, process ${WG_PID[$WB]}" ours "$B" doctor u0
check "the second agent holds nothing" figure_is "$B" "$WC" '.interfaces | length' 0
check "the second agent's tunnel works by its socket" ping_ok "$A" 10.78.0.2
check "the status says so" receives_by "$B" "$WC" socket
check "the first one's tunnel works by XDP" ping_ok "$A" 10.77.0.2
check "the status says so" receives_by "$B" "$WB" xdp
check "the list names the interface" shows "attached: u0" ours "$B" attach --list
stop_wg "$WC"

# A pod beside it: it has the interface and the bpffs in common with the first, and its own /run.
# shellcheck disable=SC2016 # the inner shell's
start_wg "$B" "$WC" unshare --mount -- \
  sh -c 'mount -t tmpfs none /run/xdp-mesh && exec "$@"' sh "$UNDER_TEST"
in_pod() {
  nsenter "--mount=/proc/${WG_PID[$WC]}/ns/mnt" "--net=/run/netns/$B" "$UNDER_TEST" "$@"
}
check "another /run: refused, for the heartbeat goes on" \
  refuses 1 "the heartbeat in $(pins_of "$B" u0) goes on" in_pod attach u0 "${NATIVE[@]}"
check "another /run: nor does its detach take the program off" \
  refuses 1 "the heartbeat in" in_pod detach u0
before=$(verdict "$B" "$WB" redirect)
check "another /run: the first one's tunnel works" ping_ok "$A" 10.77.0.2
check "another /run: by XDP" verdict_above "$B" "$WB" redirect "$before"
stop_wg "$WC"

# ---- the maps, for people -----------------------------------------------------------------------
dump() { bpftool map dump pinned "$(pins_of "$B" u0)/$1" -p; }
check "bpftool dumps the sessions with the names of their fields" shows '"slot"' dump xm_sessions
check "bpftool dumps the statistics with theirs" shows '"packets"' dump xm_stats
check "bpftool dumps the peers with their public keys" shows "${PUB[a]}" dump xm_peers

# no_key_in_maps: no private or preshared key of either side is in any byte of any map.
no_key_in_maps() {
  local map
  for map in "$(pins_of "$B" u0)"/xm_*; do
    case ${map##*/} in xm_xsks | *link* | *program* | *prog*) continue ;; esac
    bpftool -j map dump pinned "$map" >"$TMP/dump.json" || return 1
    "$PYTHON" "$HERE/traffic.py" find-keys "$TMP/dump.json" "$TMP/a.key" "$TMP/b.key" "$TMP/psk" ||
      return 1
  done
}
finds_a_public_key() {
  bpftool -j map dump pinned "$(pins_of "$B" u0)/xm_peers" >"$TMP/dump.json" &&
    "$PYTHON" "$HERE/traffic.py" find-keys "$TMP/dump.json" "$TMP/a.pub"
}
wg genpsk >"$TMP/psk"
wg set "$WA" peer "${PUB[b]}" preshared-key "$TMP/psk"
wg set "$WB" peer "${PUB[a]}" preshared-key "$TMP/psk"
echo "${PUB[a]}" >"$TMP/a.pub"
check "a public key would be found in a dump" not finds_a_public_key
check "no secret key is in any map" no_key_in_maps
check "detach" ours "$B" detach u0
check "nothing is left" nothing_is_left "$B" u0
check "the tunnel works" ping_ok "$A" 10.77.0.2

# ---- somebody else's program --------------------------------------------------------------------
in_background "$B" "$PYTHON" "$HERE/traffic.py" foreign-xdp u0
foreign=$LAST_PID
wait_for 10 runs_a_program "$B" u0
theirs=$(program_on "$B" u0)
theirs_runs() { [[ $(program_on "$B" u0) == "$theirs" ]]; }
check "a foreign program is there: attach is refused" refuses 1 refused ours "$B" attach u0 --mode native
check "it still runs" theirs_runs
check "--dry-run says so too" refuses 1 "never replaced" ours "$B" attach u0 --mode native --dry-run
check "--mode generic is refused as well, the kernel allows one mode" \
  refuses 1 refused ours "$B" attach u0 --mode generic
check "it still runs" theirs_runs
check "detach leaves it alone" refuses 1 u0 ours "$B" detach u0
check "it still runs" theirs_runs
check "the tunnel works by the socket" ping_ok "$A" 10.77.0.2
kill "$foreign"
gone() { not runs_a_program "$B" u0; }
wait_for 10 gone

# ---- at the start -------------------------------------------------------------------------------
stop_wg "$WB"
start_wg "$B" "$WB" "$UNDER_TEST" --attach u0,mode=native,rx=xdp
wg set "$WB" private-key "$TMP/b.key" listen-port "$PORT_B" peer "${PUB[a]}" \
  preshared-key "$TMP/psk" endpoint 192.0.2.1:51820 allowed-ips 10.77.0.1/32,fd77::1/128
address "$B" "$WB" 10.77.0.2/24 fd77::2/64
ip -n "$B" link set "$WB" up
check "--attach at the start: the tunnel works" ping_ok "$B" 10.77.0.1
check "by XDP" wait_for 10 receives_by "$B" "$WB" xdp
remember_objects "$B" u0
stop_wg "$WB"
check "an agent that ends leaves nothing" nothing_is_left "$B" u0
