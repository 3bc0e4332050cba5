#!/usr/bin/env bash
# Ours against the kernel's own WireGuard, in both roles, over IPv4 and IPv6, on a clean link and on one
# that delays, loses, reorders and duplicates. Runs in the guest: tests/guest/launch THIS.
#
#        namespace ours                               namespace theirs
#   +------------------------+                  +------------------------+
#   | xm0  10.77.0.1/24      |                  | wg0  10.77.0.2/24      |
#   |      fd77::1/64        |                  |      fd77::2/64        |
#   | u0   192.0.2.1/24      |-------veth-------| u0   192.0.2.2/24      |
#   |      2001:db8::1/64    |                  |      2001:db8::2/64    |
#   +------------------------+                  +------------------------+
#
# XDP_MESH names the implementation under test (default build/release/xdp-mesh; wireguard-go works).
set -euo pipefail
umask 077

if [ -z "${XDPMESH_GUEST:-}" ]; then
  echo "skipped: runs in the guest only: tests/guest/launch $0"
  exit 77
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
under_test=${XDP_MESH:-$root/build/release/xdp-mesh}
work=$(mktemp -d)
# Of every transfer; small, for the guest is emulated. iperf3 stops counting at the receiver when the
# sender has handed over its last byte, so what a socket buffer (64 KB, doubled) holds may be missing.
bytes=1500000
least=1200000
agent_options=()

ok() { echo "ok   $*"; }
fail() {
  echo "FAIL $*"
  for host in ours theirs; do WG_COLOR_MODE=never on $host wg show all; done
  tail -n 20 "$work/xdp-mesh.log"
  exit 1
}
on() { ip netns exec "$1" "${@:2}"; }
other() { [ "$1" = ours ] && echo theirs || echo ours; }
interface() { [ "$1" = ours ] && echo xm0 || echo wg0; }
number() { [ "$1" = ours ] && echo 1 || echo 2; }

# wait_for SECONDS COMMAND...
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}

make_hosts() {
  local host
  ip link add u0 type veth peer name u1
  for host in ours theirs; do
    ip netns add $host
    on $host ip link set lo up
    on $host sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    wg genkey >"$work/$host.key"
    wg pubkey <"$work/$host.key" >"$work/$host.pub"
  done
  wg genpsk >"$work/psk"
  ip link set u0 netns ours
  ip link set u1 netns theirs name u0
  for host in ours theirs; do
    on $host ip address add "192.0.2.$(number $host)/24" dev u0
    on $host ip address add "2001:db8::$(number $host)/64" dev u0 nodad
    on $host ip link set u0 up
  done
}

# tunnel INITIATOR FAMILY: fresh interfaces; only the initiator knows where the other one is.
tunnel() {
  local initiator=$1 family=$2 host peer endpoint
  on ours ip link delete xm0 2>/dev/null || true
  on theirs ip link delete wg0 2>/dev/null || true
  wait_for 10 test ! -e /var/run/wireguard/xm0.sock || fail "the old xm0's socket is still there"
  on ours env LOG_LEVEL=verbose "$under_test" "${agent_options[@]}" xm0 >>"$work/xdp-mesh.log" 2>&1 ||
    fail "$under_test does not start"
  on theirs ip link add wg0 type wireguard
  for host in ours theirs; do
    peer=$(other "$host")
    endpoint=()
    if [ "$host" = "$initiator" ]; then
      case $family in
        4) endpoint=(endpoint "192.0.2.$(number "$peer"):51820") ;;
        6) endpoint=(endpoint "[2001:db8::$(number "$peer")]:51820") ;;
      esac
    fi
    on "$host" wg set "$(interface "$host")" listen-port 51820 private-key "$work/$host.key" \
      peer "$(cat "$work/$peer.pub")" preshared-key "$work/psk" "${endpoint[@]}" \
      allowed-ips "10.77.0.$(number "$peer")/32,fd77::$(number "$peer")/128"
    on "$host" ip address add "10.77.0.$(number "$host")/24" dev "$(interface "$host")"
    on "$host" ip address add "fd77::$(number "$host")/64" dev "$(interface "$host")" nodad
    on "$host" ip link set "$(interface "$host")" mtu 1420 up
  done
}

shaken() { [ "$(on "$1" wg show "$(interface "$1")" latest-handshakes | awk '{print $2}')" -gt 0 ]; }
received() { on "$1" wg show "$(interface "$1")" transfer | awk '{print $2}'; }

# transfer NAME ADDRESS: iperf3 in both directions; the receiver's iperf3 and its wg must have counted.
transfer() {
  local name=$1 address=$2 receiver direction before arrived
  for receiver in theirs ours; do
    direction=()
    [ $receiver = theirs ] || direction=(-R)
    before=$(received $receiver)
    on ours timeout 90 iperf3 -c "$address" -n $bytes -w 64K -J "${direction[@]}" \
      >"$work/iperf.json" || {
      cat "$work/iperf.json"
      fail "$name, to $receiver: iperf3 did not finish"
    }
    arrived=$(jq .end.sum_received.bytes "$work/iperf.json")
    [ "$arrived" -ge $least ] || fail "$name, to $receiver: $arrived of $bytes bytes arrived"
    [ $(($(received $receiver) - before)) -ge $least ] ||
      fail "$name, to $receiver: wg's counter does not show the bytes"
    ok "$name: $arrived bytes to $receiver"
  done
}

# copy FROM ADDRESS: a file from one host to the other, byte by byte.
copy() {
  local from=$1 address=$2 to
  to=$(other "$from")
  rm -f "$work/arrived"
  on "$to" timeout 60 socat -u TCP-LISTEN:7000,reuseaddr "OPEN:$work/arrived,creat" &
  wait_for 10 listens "$to" || fail "copy to $to: socat does not listen"
  on "$from" timeout 60 socat -u "OPEN:$work/random" "TCP:$address:7000" || fail "copy to $to: socat failed"
  wait $! || fail "copy to $to: the receiver failed"
  cmp "$work/random" "$work/arrived" || fail "copy to $to: what arrived is not what was sent"
}
listens() { [ -n "$(on "$1" ss -Hltn sport = :7000)" ]; }

# The kernel's ciphers on both ends: ours has them through AF_ALG.
kernel_ciphers() {
  if ! "$under_test" --help 2>&1 | grep -q af-alg; then
    echo "     $under_test has no engine over AF_ALG"
    return 0
  fi
  local unit_tests=$root/build/release/xm_unit_tests_crypto
  if [ -x "$unit_tests" ]; then
    "$unit_tests" -tc='engines:*' -tce='*every length*' >"$work/unit" 2>&1 || {
      cat "$work/unit"
      fail "AF_ALG: the engines' unit tests"
    }
    ok "AF_ALG: the engines' unit tests, all but the longest"
  fi
  agent_options=(--aead af-alg)
  tunnel ours 4
  agent_options=()
  wait_for 20 on ours ping -c 1 -W 2 10.77.0.2 || fail "AF_ALG: no answer to ping"
  on ours "$under_test" status xm0 --json >"$work/status"
  jq -e '.aead.small == "af-alg" and .aead.large == "af-alg"' "$work/status" >/dev/null ||
    fail "AF_ALG: status shows another engine: $(jq -c .aead "$work/status")"
  head -c 700001 /dev/urandom >"$work/random"
  copy ours 10.77.0.2
  copy theirs 10.77.0.1
  jq -e '.drops.bad_tag == 0' <(on ours "$under_test" status xm0 --json) >/dev/null ||
    fail "AF_ALG: packets did not verify"
  ok "AF_ALG as the engine: byte-exact in both directions"
}

make_hosts
on theirs iperf3 -s -D
for initiator in ours theirs; do
  for family in 4 6; do
    about="$initiator initiates over IPv$family"
    tunnel $initiator $family
    inner="10.77.0.$(number "$(other $initiator)")"
    wait_for 20 on $initiator ping -c 1 -W 2 "$inner" || fail "$about: no answer to ping"
    { shaken ours && shaken theirs; } || fail "$about: a side shows no handshake"
    ok "$about: handshake with a preshared key, and ping"
    on $initiator ping -q -c 3 -i 0.2 -W 5 "fd77::$(number "$(other $initiator)")" >/dev/null ||
      fail "$about: no answer to IPv6 ping"
    transfer "$about, IPv4 inside" 10.77.0.2
    transfer "$about, IPv6 inside" fd77::2
  done
done
kernel_ciphers

for host in ours theirs; do
  on $host tc qdisc add dev u0 root netem delay 5ms 1ms loss 1% reorder 10% duplicate 1%
done
for initiator in ours theirs; do
  about="delay, loss, reordering and duplicates, $initiator initiates"
  tunnel $initiator 4
  wait_for 60 on $initiator ping -c 1 -W 2 "10.77.0.$(number "$(other $initiator)")" ||
    fail "$about: no answer to ping"
  transfer "$about, IPv4 inside" 10.77.0.2
  transfer "$about, IPv6 inside" fd77::2
done
echo "all good: $under_test against the WireGuard of $(uname -r)"
