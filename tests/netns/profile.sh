#!/usr/bin/env bash
# tools/profile: a flame graph of both ends of a tunnel under load, and of a running agent; nothing of
# it is left behind.
source "$(dirname "$0")/lib.sh"

setup iperf3
PROFILE=$ROOT/tools/profile

profile() { XDP_MESH=$UNDER_TEST "$PROFILE" --seconds 1 "$@"; }

wrong_use() {
  local status=0
  profile "$@" || status=$?
  ((status == 2))
}

draws() { # FILE-WITHOUT-SUFFIX
  grep -q '<svg ' "$1.svg" && grep -q 'tun_' "$1.svg" && grep -q 'xm::' "$1.svg" &&
    grep -q 'kernel' "$1.txt"
}

leaves_nothing() { # its names are made of its process id
  not grep "^xm$profiled-" <(ip netns list) && not compgen -G "$UAPI_DIR/xm$profiled*"
}

check "an end that is none is wrong use" wrong_use --end c
check "a load that is none is wrong use" wrong_use --load lunch
check "no seconds are wrong use" wrong_use --seconds 0

XDP_MESH=$UNDER_TEST "$PROFILE" --seconds 1 --output "$TMP/out" --load tcp -- --workers 1 \
  >"$TMP/profile.log" 2>&1 &
profiled=$!
status=0
wait "$profiled" || status=$?
((status != 3)) || skip "$(tail -n 1 "$TMP/profile.log")"
check "both ends are recorded" test "$status" = 0
check "the sending end: the agent's functions and the kernel's TUN" draws "$TMP/out/a"
check "the receiving end as well" draws "$TMP/out/b"
check "namespaces and sockets are gone" leaves_nothing

two_hosts
tunnel "$UNDER_TEST" "$UNDER_TEST"
in_background "$A" ping -n -q -i 0.001 -w 5 10.77.0.2 >/dev/null
check "a running agent is recorded by its process id" \
  profile --pid "${WG_PID[$WB]}" --output "$TMP/out"
check "its flame graph shows it" grep -q 'xdp-mesh' "$TMP/out/pid-${WG_PID[$WB]}.svg"
