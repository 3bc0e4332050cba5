#!/usr/bin/env bash
# Both receive paths on Debian's kernel and a virtio-net interface, against the kernel's own WireGuard:
# native and generic XDP, data behind VLAN tags, libxdp's dispatcher with another program in it. Runs
# in the guest: tests/guest/launch THIS.
# With --full also on: linux-image-6.12-amd64
#
#        the guest                                      namespace theirs
#   +----------------------------+                 +----------------------------+
#   | xm0       10.77.0.1/24     |                 | wg0       10.77.0.2/24     |
#   | eth0      192.0.2.1/24     |---virtio-net----| eth0      192.0.2.2/24     |
#   |           2001:db8::1/64   |                 |           2001:db8::2/64   |
#   | tag 100:  198.51.100.1/24  |                 | tag 100:  198.51.100.2/24  |
#   | tags 200 (802.1ad) and 7:  |                 | tags 200 and 7:            |
#   |           203.0.113.1/24   |                 |           203.0.113.2/24   |
#   +----------------------------+                 +----------------------------+
#
# XDP_MESH names the implementation under test (default build/release/xdp-mesh).
set -euo pipefail
umask 077

if [ -z "${XDPMESH_GUEST:-}" ]; then
  echo "skipped: runs in the guest only: tests/guest/launch $0"
  exit 77
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
under_test=${XDP_MESH:-$root/build/release/xdp-mesh}
pins=/sys/fs/bpf/xdp-mesh/eth0
work=$(mktemp -d)
bytes=300001 # of a transfer; few, for the guest is emulated

ok() { echo "ok   $*"; }
fail() {
  echo "FAIL $*"
  "$under_test" status xm0 || true
  WG_COLOR_MODE=never theirs wg show all
  tail -n 20 "$work/xdp-mesh.log" "$work/out"
  exit 1
}
theirs() { ip netns exec theirs "$@"; }
on() { if [ "$1" = theirs ]; then theirs "${@:2}"; else "${@:2}"; fi; }
other() { [ "$1" = ours ] && echo theirs || echo ours; }
interface() { [ "$1" = ours ] && echo xm0 || echo wg0; }
number() { [ "$1" = ours ] && echo 1 || echo 2; }

# wait_for SECONDS COMMAND...
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >"$work/out" 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}

make_hosts() {
  local host
  modprobe 8021q
  ip netns add theirs
  ip link set eth1 netns theirs
  theirs ip link set eth1 name eth0
  theirs ip link set lo up
  for host in ours theirs; do
    on $host sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    on $host ip link set eth0 up
    on $host ip address add "192.0.2.$(number $host)/24" dev eth0
    on $host ip address add "2001:db8::$(number $host)/64" dev eth0 nodad
    on $host ip link add link eth0 name tagged type vlan id 100
    on $host ip link add link eth0 name outer type vlan protocol 802.1ad id 200
    on $host ip link add link outer name twice type vlan id 7
    on $host ip address add "198.51.100.$(number $host)/24" dev tagged
    on $host ip address add "203.0.113.$(number $host)/24" dev twice
    for device in tagged outer twice; do on $host ip link set $device up; done
    wg genkey >"$work/$host.key"
    wg pubkey <"$work/$host.key" >"$work/$host.pub"
  done
}

start() {
  local host
  env LOG_LEVEL=verbose "$under_test" xm0 >>"$work/xdp-mesh.log" 2>&1 ||
    fail "$under_test does not start"
  theirs ip link add wg0 type wireguard
  for host in ours theirs; do
    on $host wg set "$(interface $host)" listen-port 51820 private-key "$work/$host.key"
    on $host ip address add "10.77.0.$(number $host)/24" dev "$(interface $host)"
    on $host ip link set "$(interface $host)" mtu 1420 up
  done
}

# shake INITIATOR ADDRESS-OF-OURS ADDRESS-OF-THEIRS: fresh peers; only the initiator knows where the
# other one is. Initiations are dated by the second and a host may not send two in 5 seconds to a peer
# that it keeps: so both forget theirs.
shake() {
  local initiator=$1 host peer endpoint
  local -A at=([ours]=$2 [theirs]=$3)
  for host in ours theirs; do
    peer=$(other $host)
    on $host wg set "$(interface $host)" peer "$(cat "$work/$peer.pub")" remove
  done
  sleep 1.1
  for host in ours theirs; do
    peer=$(other $host)
    endpoint=()
    [ $host != "$initiator" ] || endpoint=(endpoint "${at[$peer]}:51820")
    on $host wg set "$(interface $host)" peer "$(cat "$work/$peer.pub")" "${endpoint[@]}" \
      allowed-ips "10.77.0.$(number "$peer")/32"
  done
  wait_for 20 on "$initiator" ping -c 1 -W 2 "10.77.0.$(number "$(other "$initiator")")"
}

figure() { "$under_test" status xm0 --json | jq -r "$1"; }
verdict() { figure ".interfaces[0].verdicts.$1.packets"; }
figure_is() { [ "$(figure "$1")" = "$2" ]; }

# attach MODE-WANTED OPTION...: by the dispatcher, with a socket, in that mode.
attach() {
  local mode=$1
  shift
  "$under_test" attach eth0 "$@" >"$work/attach" 2>&1 || { cat "$work/attach"; fail "attach $*"; }
  sed 's/^/     /' "$work/attach"
  figure_is .interfaces[0].program.mode "$mode" || fail "attach $*: not $mode"
  figure_is .interfaces[0].program.via dispatcher || fail "attach $*: not by the dispatcher"
  figure_is '[.interfaces[0].queues[] | select(.mode == "copy")] | length' 1 ||
    fail "attach $*: no AF_XDP socket"
}

detach() {
  "$under_test" detach eth0 >"$work/detach" 2>&1 || { cat "$work/detach"; fail "detach"; }
  [ ! -e $pins ] || fail "detach leaves $pins"
}
programs() { xdp-loader status eth0; }
runs_nothing() { [ -z "$(ip -j link show eth0 | jq -r '.[0].xdp.prog.id // empty')" ]; }

# copy FROM: a file from one host to the other, byte by byte.
copy() {
  local from=$1 to listener
  to=$(other "$from")
  rm -f "$work/arrived"
  on "$to" timeout 60 socat -u TCP-LISTEN:7000,reuseaddr "OPEN:$work/arrived,creat" &
  listener=$!
  wait_for 10 listens "$to" || fail "copy to $to: socat does not listen"
  on "$from" timeout 60 socat -u "OPEN:$work/random" "TCP:10.77.0.$(number "$to"):7000" ||
    fail "copy to $to: socat failed"
  wait $listener || fail "copy to $to: the receiver failed"
  cmp "$work/random" "$work/arrived" || fail "copy to $to: what arrived is not what was sent"
}
listens() { [ -n "$(on "$1" ss -Hltn sport = :7000)" ]; }

# moves_by PATH TEXT: files in both directions are exact, and came to us by that path and no other.
moves_by() {
  local path=$1 text=$2 name other_name taken before other_before
  name=redirect other_name=pass_socket_chosen
  [ "$path" = xdp ] || { name=pass_socket_chosen other_name=redirect; }
  before=$(verdict $name) other_before=$(verdict $other_name)
  copy theirs
  copy ours
  taken=$(($(verdict $name) - before))
  # Our 300 KB are at least 200 packets, and theirs are answered.
  [ $taken -ge 200 ] || fail "$text: of a transfer $taken packets are counted as $name"
  [ $(($(verdict $other_name) - other_before)) -eq 0 ] || fail "$text: some are $other_name"
  figure_is '.peers[0].receive_path' "$path" || fail "$text: the last packet came by another path"
  "$under_test" status xm0 | grep -q "last packet by: $path" || fail "$text: status does not say so"
  ok "$text: exact in both directions, $taken packets by $path"
}

nothing_dropped() {
  figure_is '.drops | .bad_tag + .outer_malformed + .outer_checksum + .outer_martian' 0 ||
    fail "packets did not verify: $(figure .drops)"
  figure_is '.interfaces[0].verdicts | .pass_foreign_address.packets + .pass_oversized.packets' 0 ||
    fail "the program did not take what is ours"
}

filter_passed() { xdp-filter status | awk '$1 == "XDP_PASS" { print $2 }'; }
filter_load() {
  xdp-filter load --mode native --policy allow eth0 || fail "xdp-filter load"
}
# both_see TEXT: xdp-filter counts the packets that our program redirects.
both_see() {
  local before
  before=$(filter_passed)
  moves_by xdp "$1"
  [ $(($(filter_passed) - before)) -ge 200 ] || fail "$1: the other program does not see packets"
  ok "$1: the other program passed $(($(filter_passed) - before)) packets to ours"
}

make_hosts
start
head -c $bytes /dev/urandom >"$work/random"

attach native --mode native --rx xdp
for initiator in theirs ours; do
  handshakes=$(verdict pass_handshake)
  shake $initiator 192.0.2.1 192.0.2.2 || fail "native, $initiator initiates: no answer to ping"
  [ "$(verdict pass_handshake)" -gt "$handshakes" ] || fail "native: mac1 was not looked at"
  ok "native, $initiator initiates: handshake"
  moves_by xdp "native, $initiator initiates"
done
shake theirs '[2001:db8::1]' '[2001:db8::2]' || fail "native, IPv6 outside: no answer to ping"
moves_by xdp "native, IPv6 outside"

for initiator in theirs ours; do
  shake $initiator 198.51.100.1 198.51.100.2 || fail "a VLAN, $initiator initiates: no answer to ping"
  moves_by xdp "a VLAN, $initiator initiates"
done
shake theirs 203.0.113.1 203.0.113.2 || fail "a VLAN in a VLAN: no answer to ping"
moves_by xdp "a VLAN in a VLAN"
nothing_dropped
detach
runs_nothing || fail "detach leaves a program: $(programs)"
copy theirs
figure_is '.peers[0].receive_path' socket || fail "detached: the last packet came by another path"
ok "detach leaves nothing, and the tunnel works on"

attach generic --mode generic --rx xdp
shake ours 192.0.2.1 192.0.2.2 || fail "generic: no answer to ping"
moves_by xdp "generic"
shake theirs 198.51.100.1 198.51.100.2 || fail "generic, a VLAN: no answer to ping"
moves_by xdp "generic, a VLAN"
nothing_dropped
detach

filter_load
attach native --mode auto --rx xdp
shake ours 192.0.2.1 192.0.2.2 || fail "another program first: no answer to ping"
both_see "another program first"
detach
before=$(filter_passed)
copy theirs
[ "$(filter_passed)" -gt "$before" ] || fail "detach takes the other program along: $(programs)"
ok "another program first: it is still there after detach"
xdp-filter unload eth0 || fail "xdp-filter unload"

attach native --mode auto --rx xdp
moves_by xdp "alone again"
filter_load
both_see "another program after ours"
xdp-filter unload eth0 || fail "xdp-filter unload"
moves_by xdp "another program came and went"
detach
runs_nothing || fail "detach leaves a program: $(programs)"
[ -z "$(ls -A /sys/fs/bpf/xdp 2>/dev/null)" ] || fail "left: $(ls /sys/fs/bpf/xdp)"
echo "all good: $under_test on virtio-net of $(uname -r)"
