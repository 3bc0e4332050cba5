#!/usr/bin/env bash
# How a process ends: signals, what it leaves behind, and a start over the remains of a kill.
source "$(dirname "$0")/lib.sh"

setup
two_hosts

interface_gone() { ! ip -n "$A" link show dev "$1" 2>/dev/null; }
ends_with_zero() { # IFNAME SIGNAL; not in a subshell: only the parent can wait for the process
  local pid=${WG_PID[$1]} status=0
  kill "-$2" "$pid"
  wait_for 10 ended "$pid" || fail "$1 still runs after SIG$2"
  wait "$pid" || status=$?
  ((status == 0)) || fail "SIG$2: exit status $status, expected 0"
  ok "SIG$2: the exit status is 0"
}

for signal in TERM INT; do
  start_wg "$A" "$WA" "$UNDER_TEST"
  ends_with_zero "$WA" "$signal"
  check "SIG$signal: the socket is gone" not test -e "$UAPI_DIR/$WA.sock"
  check "SIG$signal: the interface is gone" interface_gone "$WA"
done

tunnel "$UNDER_TEST" "$UNDER_TEST"
check "a tunnel" ping_ok "$A" 10.77.0.2
ends_with_zero "$WA" TERM
check "SIGTERM with peers: the socket is gone" not test -e "$UAPI_DIR/$WA.sock"
check "SIGTERM with peers: the interface is gone" interface_gone "$WA"
start_wg "$A" "$WA" "$UNDER_TEST"
stop_wg "$WB"
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4

start_stream across "$A" "$B" 10.77.0.2
stop_wg "$WA" KILL
check "SIGKILL under traffic: the socket file stays behind" test -S "$UAPI_DIR/$WA.sock"
check "SIGKILL under traffic: the interface goes with the process" interface_gone "$WA"
start_wg "$A" "$WA" "$UNDER_TEST"
ok "a new process starts over the remains"
wg set "$WA" private-key "$TMP/a.key" listen-port 51820 peer "${PUB[b]}" \
  endpoint 192.0.2.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
address "$A" "$WA" 10.77.0.1/24 fd77::1/64
ip -n "$A" link set "$WA" up
check "the tunnel works again" ping_ok "$A" 10.77.0.2
check "and from the other end" ping_ok "$B" fd77::1
check "the TCP stream across the kill is byte-exact" stop_stream across

for _ in 1 2 3 4 5 6 7 8; do
  stop_wg "$WA" KILL
  start_wg "$A" "$WA" "$UNDER_TEST"
done
ok "eight more kills and starts"
second=${RUN}c
set +e
in_ns "$A" env WG_PROCESS_FOREGROUND=1 timeout 5 "$UNDER_TEST" "$WA" >"$TMP/second.out" 2>&1
status=$?
set -e
check "a second process for the same interface is refused" test "$status" -eq 1
check "and says why" test -s "$TMP/second.out"
check "the first one still answers" wg show "$WA"
start_wg "$A" "$second" "$UNDER_TEST"
check "another interface beside it" wg show "$second"
