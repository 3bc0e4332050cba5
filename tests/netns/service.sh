#!/usr/bin/env bash
# The agent under a service manager: what it tells (sd_notify), when it falls silent, what it says about its
# health by HTTP, and how deploy/systemd/configure brings a configuration file into force.
source "$(dirname "$0")/lib.sh"

setup curl
two_hosts
CONFIGURE=$ROOT/deploy/systemd/configure

# A service manager's end of NOTIFY_SOCKET: one line a message, into $TMP/notified.
cat >"$TMP/notify.py" <<'PYTHON'
import socket
import sys

end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.bind(sys.argv[1])
while True:
    print(end.recv(4096).decode().replace("\n", " "))
PYTHON
in_background "$A" "$PYTHON" -u "$TMP/notify.py" "$TMP/notify.sock" >"$TMP/notified"
wait_for 10 test -S "$TMP/notify.sock"
told() { grep -q "$1" "$TMP/notified"; }
beats() { grep -c WATCHDOG=1 "$TMP/notified" || true; }
beats_beyond() { (($(beats) > $1)); }

http() { in_ns "$A" curl -sS --max-time 10 -o "$TMP/body" -w '%{http_code}' "http://127.0.0.1:9586$1"; }
answers() { # PATH STATUS
  local status
  status=$(http "$1")
  printf '%s: %s: %s\n' "$1" "$status" "$(cat "$TMP/body")"
  [[ $status == "$2" ]]
}

export NOTIFY_SOCKET=$TMP/notify.sock WATCHDOG_USEC=3000000
start_wg "$A" "$WA" "$UNDER_TEST" --workers 2 --metrics 127.0.0.1:9586
unset NOTIFY_SOCKET WATCHDOG_USEC
check "READY=1 when it serves" wait_for 10 told READY=1
check "the watchdog is fed" wait_for 20 beats_beyond 1
check "liveness: every loop turns" answers /healthz 200
check "readiness: not while the interface is down" answers /readyz 503
check "and it says so" grep -q "is down" "$TMP/body"

# ---- a configuration file ------------------------------------------------------------------------
start_wg "$B" "$WB" "$UNDER_TEST"
genkeys a b
wg set "$WB" private-key "$TMP/b.key" listen-port "$PORT_B" peer "${PUB[a]}" allowed-ips 10.77.0.1/32
address "$B" "$WB" 10.77.0.2/24
ip -n "$B" link set "$WB" up
cat >"$TMP/$WA.conf" <<CONF
# A tunnel as wg-quick(8) would take it.
[Interface]
PrivateKey = $(cat "$TMP/a.key")
ListenPort = $PORT_A
Address = 10.77.0.1/24, fd77::1/64
MTU = 1380
PostUp = touch $TMP/post-up

[Peer]
PublicKey = ${PUB[b]}
Endpoint = 192.0.2.2:$PORT_B
AllowedIPs = 10.77.0.2/32, 10.88.0.0/16, fd88::/32
CONF
configured() { in_ns "$A" "$CONFIGURE" "$WA" "$TMP/$WA.conf" 2>"$TMP/configured"; }
check "configure: a file of wg-quick's" configured
check "and names what it leaves out" grep -q "PostUp is left out" "$TMP/configured"
check "without doing it" not test -e "$TMP/post-up"
check "the tunnel works" ping_ok "$A" 10.77.0.2
has_mtu() { grep -q 'mtu 1380 ' <<<"$(ip -n "$A" link show "$WA")"; }
check "MTU is set" has_mtu
routes_to() { grep -q "^$2 " <<<"$(ip -n "$A" "$1" route show dev "$WA")"; }
check "allowed IPs are routes" routes_to -4 10.88.0.0/16
check "of both families" routes_to -6 fd88::/32
check "twice is no error" configured
check "and the tunnel works again" ping_ok "$A" 10.77.0.2
refused() {
  ! in_ns "$A" "$CONFIGURE" "$WA" "$1" 2>"$TMP/refused" && cat "$TMP/refused" && grep -q "$2" "$TMP/refused"
}
printf '[Interface]\nPrivateKeys = x\n' >"$TMP/wrong.conf"
check "a misspelt key is refused" refused "$TMP/wrong.conf" PrivateKeys
check "a file that is not there is refused" refused "$TMP/none.conf" "cannot be read"

# ---- health and metrics --------------------------------------------------------------------------
check "readiness: device and sockets are up" answers /readyz 200
check "metrics" answers /metrics 200
cp "$TMP/body" "$TMP/metrics"
counts() { grep -F "$1{interface=\"$WA\",public_key=\"${PUB[b]}\"," "$TMP/metrics" | grep -E '} [1-9]'; }
check "wireguard_sent_bytes_total of the peer" counts wireguard_sent_bytes_total
check "wireguard_received_bytes_total of the peer" counts wireguard_received_bytes_total
check "wireguard_latest_handshake_seconds of the peer" counts wireguard_latest_handshake_seconds
check "its allowed IPs are a label" grep -q 'allowed_ips="10.77.0.2/32,10.88.0.0/16,fd88::/32"' "$TMP/metrics"
check "no private key in them" not grep -qF "$(cat "$TMP/a.key")" "$TMP/metrics"
if command -v promtool >/dev/null; then
  lint() { promtool check metrics <"$TMP/metrics"; }
  check "promtool check metrics" lint
else
  note "promtool is not installed: its check was left out"
fi
stop_wg "$WB"
check "liveness: a peer that is gone is no fault of ours" answers /healthz 200
check "nor is readiness its affair" answers /readyz 200

# ---- a worker that does not turn -----------------------------------------------------------------
# Stops one thread of a process, as a debugger does, until the file THAW is there.
cat >"$TMP/freeze.py" <<'PYTHON'
import ctypes
import os
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
thread = int(sys.argv[1])
if libc.ptrace(16, thread, 0, 0) != 0:  # PTRACE_ATTACH: this thread alone stops
    sys.exit(f"PTRACE_ATTACH: {os.strerror(ctypes.get_errno())}")
os.waitpid(thread, 0x40000000)  # __WALL
print("frozen")
while not os.path.exists(os.environ["THAW"]):
    time.sleep(0.1)
libc.ptrace(17, thread, 0, 0)  # PTRACE_DETACH
PYTHON
mapfile -t threads < <(find "/proc/${WG_PID[$WA]}/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n)
export THAW=$TMP/thaw
"$PYTHON" -u "$TMP/freeze.py" "${threads[-1]}" >"$TMP/freeze.out" 2>&1 &
BACKGROUND+=($!)
frozen_or_refused() { [[ -s $TMP/freeze.out ]]; }
wait_for 10 frozen_or_refused
if grep -q frozen "$TMP/freeze.out"; then
  check "liveness: a worker that is stuck is found" wait_for 40 answers /healthz 503
  check "and named" grep -q "worker 1 has not turned" "$TMP/body"
  before=$(beats)
  sleep 4
  check "the watchdog starves meanwhile" test "$(beats)" -eq "$before"
  touch "$THAW"
  check "liveness: it turns again" wait_for 20 answers /healthz 200
  check "and the watchdog is fed again" wait_for 20 beats_beyond "$before"
else
  note "$(cat "$TMP/freeze.out"): no thread can be stopped here, that part was left out"
fi

stop_wg "$WA"
check "STOPPING=1 at the end" wait_for 10 told STOPPING=1

set +e
in_ns "$A" timeout 10 "$UNDER_TEST" -f --metrics 198.51.100.77:9586 "$WA" >"$TMP/foreign.out" 2>&1
status=$?
set -e
check "--metrics: an address of another machine is refused" test "$status" -eq 1
check "and named" grep -q "198.51.100.77:9586" "$TMP/foreign.out"
