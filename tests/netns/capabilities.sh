#!/usr/bin/env bash
# What xdp-mesh@.service grants is enough: the tunnel, attaching and detaching with five capabilities, and a
# word about the one thing that they are not enough for, libxdp's dispatcher.
source "$(dirname "$0")/lib.sh"

setup jq setpriv bpftool
CAPABILITIES=bpf,perfmon,net_admin,net_raw,ipc_lock
confine() { # COMMAND...: with exactly the five, also in what it executes
  local plus=+${CAPABILITIES//,/,+}
  setpriv --bounding-set "-all,$plus" --inh-caps "-all,$plus" --ambient-caps "-all,$plus" \
    --no-new-privs "$@"
}
confine true 2>"$TMP/confine.out" || skip "setpriv cannot set capabilities here: $(cat "$TMP/confine.out")"
two_hosts

# The unit says the same five words as this test.
declared() { sed -n "s/^$1=//p" "$ROOT/deploy/systemd/xdp-mesh@.service" | tr ' ' '\n' | sort; }
wanted() { tr ',' '\n' <<<"$CAPABILITIES" | sed 's/.*/CAP_\U&/' | sort; }
check "the unit's bounding set is what is tested here" diff <(declared CapabilityBoundingSet) <(wanted)
check "and its ambient set" diff <(declared AmbientCapabilities) <(wanted)

# `ip netns exec` hides the machine's bpffs under a /sys of its own, and mounting another one is for
# CAP_SYS_ADMIN: whoever starts the agent provides it, as systemd does.
cat >"$TMP/agent" <<AGENT
#!/bin/bash
set -e
mount -t bpf bpf /sys/fs/bpf
exec setpriv --bounding-set -all,+${CAPABILITIES//,/,+} --inh-caps -all,+${CAPABILITIES//,/,+} \\
  --ambient-caps -all,+${CAPABILITIES//,/,+} --no-new-privs "$UNDER_TEST" "\$@"
AGENT
chmod +x "$TMP/agent"
start_wg "$A" "$WA" "$TMP/agent"
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4

has_exactly_five() {
  local mask
  mask=$(sed -n 's/^CapEff:\t//p' "/proc/${WG_PID[$WA]}/status")
  # net_admin 12, net_raw 13, ipc_lock 14, perfmon 38, bpf 39
  printf '%s\n' "$mask"
  ((16#$mask == (1 << 12 | 1 << 13 | 1 << 14 | 1 << 38 | 1 << 39)))
}
check "the agent has exactly the five" has_exactly_five
check "a tunnel" ping_ok "$A" 10.77.0.2

ours() { in_ns "$A" "$UNDER_TEST" "$@"; }
check "attach" ours attach u0 --mode native --rx xdp
in_status() { ours status "$WA" --json | jq -e "$1"; }
check "by a BPF link" in_status '.interfaces[0].program | .mode == "native" and .via == "link"'
check "data messages by AF_XDP" in_status '.interfaces[0].rx == "xdp"'
check "status says why there is no dispatcher" \
  in_status '[.interfaces[0].steps[] | select((.what | test("dispatcher")) and (.reason | test("CAP_SYS_ADMIN")))] | length > 0'
check "packets through it" ping_ok "$B" 10.77.0.1
by_xdp() { in_status '.peers[0].receive_path == "xdp"'; }
check "the peer's last packet came by it" wait_for 10 by_xdp
check "bulk, byte-exact" bulk "$B" "$A" 10.77.0.1 5000000
check "detach" ours detach u0
no_program() { ! grep xdp <<<"$(ip -n "$A" link show u0)"; }
check "no program is left" no_program
check "the tunnel goes on by the socket" ping_ok "$A" 10.77.0.2
check "attach in generic mode" ours attach u0 --mode generic
check "packets through it" ping_ok "$B" 10.77.0.1
stop_wg "$WA"
check "the end of the agent leaves no program" no_program
