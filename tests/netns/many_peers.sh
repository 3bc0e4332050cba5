#!/usr/bin/env bash
# A hub with 1,000 configured peers of which 100 are live processes (XM_SPOKES changes that), with
# traffic with each; peers taken away and given back while the others go on.
#
#   $A: spokes, one process and interface each       $B: the hub, one process
#   ${RUN}s<i>  10.78.<i>.2  fd78::<i>:2   --veth--    $WB  10.78.<i>.1  fd78::<i>:1 for every i
source "$(dirname "$0")/lib.sh"

setup
SPOKES=${XM_SPOKES:-100}
two_hosts
genkeys b
start_wg "$B" "$WB" "$UNDER_TEST"

for ((i = 0; i < SPOKES; i++)); do
  genkeys "$i"
  ip netns exec "$A" env WG_PROCESS_FOREGROUND=1 WG_THREADS=1 LOG_LEVEL=error \
    "$UNDER_TEST" "${RUN}s$i" >>"$TMP/spoke$i.log" 2>&1 &
  WG_PID["${RUN}s$i"]=$!
done
for ((i = 0; i < SPOKES; i++)); do
  wait_for 30 uapi_listens "${WG_PID["${RUN}s$i"]}" "${RUN}s$i" || fail "spoke $i did not start"
done
ok "$SPOKES spokes started"

hub_conf() { # the live peers and, up to 1,000, others that will never be heard of
  printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\n' "$(<"$TMP/b.key")"
  for ((i = 0; i < SPOKES; i++)); do peer_conf "$i"; done
  "$PYTHON" - "$((1000 - SPOKES))" <<'PY'
import base64, os, sys
for i in range(int(sys.argv[1])):
    print("[Peer]\nPublicKey = " + base64.b64encode(os.urandom(32)).decode())
    print("AllowedIPs = 10.79.%d.%d/32, fd79::%x/128" % (i // 256, i % 256, i))
PY
}
peer_conf() {
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.78.%d.2/32, fd78::%d:2/128\n' "${PUB[$1]}" "$1" "$1"
}
hub_conf >"$TMP/hub.conf"
check "wg setconf with 1,000 peers" wg setconf "$WB" "$TMP/hub.conf"
check "wg shows 1,000 peers" test "$(wg show "$WB" peers | wc -l)" -eq 1000
check "wg syncconf with the same changes nothing" wg syncconf "$WB" "$TMP/hub.conf"

for ((i = 0; i < SPOKES; i++)); do
  wg set "${RUN}s$i" private-key "$TMP/$i.key" peer "${PUB[b]}" endpoint 192.0.2.2:51820 \
    allowed-ips "10.78.$i.1/32,fd78::$i:1/128"
  {
    printf 'link set %ss%d up\n' "$RUN" "$i"
    printf 'addr add 10.78.%d.2/32 dev %ss%d\n' "$i" "$RUN" "$i"
    printf 'addr add fd78::%d:2/128 dev %ss%d nodad\n' "$i" "$RUN" "$i"
    printf 'route add 10.78.%d.1 dev %ss%d src 10.78.%d.2\n' "$i" "$RUN" "$i" "$i"
    printf 'route add fd78::%d:1 dev %ss%d src fd78::%d:2\n' "$i" "$RUN" "$i" "$i"
  } >>"$TMP/a.batch"
  {
    printf 'addr add 10.78.%d.1/32 dev %s\n' "$i" "$WB"
    printf 'addr add fd78::%d:1/128 dev %s nodad\n' "$i" "$WB"
    printf 'route add 10.78.%d.2 dev %s src 10.78.%d.1\n' "$i" "$WB" "$i"
    printf 'route add fd78::%d:2 dev %s src fd78::%d:1\n' "$i" "$WB" "$i"
  } >>"$TMP/b.batch"
done
ip -n "$B" link set "$WB" up
ip -n "$A" -batch "$TMP/a.batch"
ip -n "$B" -batch "$TMP/b.batch"

# with_each FIRST STEP COMMAND...: the command with each number, at most 25 at once; true if all are.
with_each() {
  local first=$1 step=$2 pids=() pid bad=0
  shift 2
  for ((i = first; i < SPOKES; i += step)); do
    "$@" "$i" &
    pids+=($!)
    if ((${#pids[@]} == 25)); then
      for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
      pids=()
    fi
  done
  for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
  ((bad == 0))
}
ping_from_spoke() { ping_ok "$A" "10.78.$1.1" || ! echo "spoke $1: no"; }
ping_from_hub() { ping_ok "$B" "fd78::$1:2" || ! echo "hub to spoke $1: no"; }
nothing_from_spoke() { ping_lost "$A" "10.78.$1.1" || ! echo "spoke $1 still gets through"; }
udp_from_spoke() { udp_ok "$A" "10.78.$1.1" 20 1000 || ! echo "spoke $1: UDP"; }
live_peers() { wg show "$WB" latest-handshakes | awk '$2 > 0' | wc -l; }

start_echo "$B"
check "each spoke pings the hub" with_each 0 1 ping_from_spoke
check "the hub pings each spoke, IPv6" with_each 0 1 ping_from_hub
check "the hub shows $SPOKES handshakes" test "$(live_peers)" -eq "$SPOKES"
check "UDP with each spoke" with_each 0 1 udp_from_spoke
check "a spoke cannot use another one's address" ping_lost "$A" 10.78.0.1 -I 10.78.1.2

# shellcheck disable=SC2034 # read by start_stream
STREAM_RATE=4000000
for i in 2 4 6 8; do
  start_stream "up$i" "$A" "$B" "10.78.$i.1"
  start_stream "down$i" "$B" "$A" "10.78.$i.2"
done
for ((i = 1; i < SPOKES; i += 2)); do
  printf '%s\n' "${PUB[$i]}"
done >"$TMP/odd"
remove_odd() { xargs -a "$TMP/odd" -I{} echo peer {} remove | xargs wg set "$WB"; }
check "every second spoke is removed under traffic" remove_odd
check "nothing gets through from those" with_each 1 2 nothing_from_spoke
check "the others do not notice" with_each 0 2 ping_from_spoke
for ((i = 1; i < SPOKES; i += 2)); do peer_conf "$i"; done >"$TMP/odd.conf"
check "they are added again" wg addconf "$WB" "$TMP/odd.conf"
check "each spoke pings the hub again" with_each 0 1 ping_from_spoke
for i in 2 4 6 8; do
  check "the stream from spoke $i is byte-exact" stop_stream "up$i"
  check "the stream to spoke $i is byte-exact" stop_stream "down$i"
done
note "the hub's resident memory: $(awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$WB]}/status") kB"
