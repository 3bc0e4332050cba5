# shellcheck shell=bash
# What the namespace tests share. Sourced by every script of this folder.
#
# A test runs hosts as network namespaces of its own, joined by veth pairs named u0 ("underlay"),
# and one WireGuard process in each host. Nothing leaves those namespaces.
#
#   two_hosts                  namespace $A                        namespace $B
#                       +-----------------------+           +-----------------------+
#     inner             | $WA  10.77.0.1/24     |           | $WB  10.77.0.2/24     |
#                       |      fd77::1/64       |           |      fd77::2/64       |
#     outer             | u0   192.0.2.1/24     |---veth----| u0   192.0.2.2/24     |
#                       |      2001:db8::1/64   |           |      2001:db8::2/64   |
#                       +-----------------------+           +-----------------------+
#
#   hosts_behind_nat          $A                       $M                        $B
#                  +---------------------+   +---------------------+   +--------------------+
#     outer        | u0 198.51.100.2/24  |---| u0 198.51.100.1/24  |   | u0 192.0.2.2/24    |
#                  |    default via .1   |   | u1 192.0.2.1/24     |---|  (no way to        |
#                  |                     |   |    masquerades      |   |   198.51.100.0/24) |
#                  +---------------------+   +---------------------+   +--------------------+
#
# Names start with xm<pid of the script>: runs side by side never meet. The configuration socket's
# path is shared by all network namespaces, so interface names are unique too.
#
# XDP_MESH names the binary under test (default build/release/xdp-mesh). Exit status: 0 all checks
# hold, 1 one does not, 77 skipped with the reason on the last line.

set -Eeuo pipefail
umask 077

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
UNDER_TEST=$(realpath -m "${XDP_MESH:-$ROOT/build/release/xdp-mesh}")
RUN="xm$$"
A="$RUN-a" B="$RUN-b" M="$RUN-m"
WA="${RUN}a" WB="${RUN}b"
PORT_A=51820 PORT_B=51820
UAPI_DIR=/var/run/wireguard
PYTHON=/usr/bin/python3
TMP=
FAILED=0
NAMESPACES=() BACKGROUND=()
declare -A WG_PID=() PUB=()

# ---- outcome ------------------------------------------------------------------------------------

note() { printf '     %s\n' "$*"; }
ok() { printf "ok   %s\n" "$*"; }

skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

fail() {
  printf 'FAIL %s\n' "$*"
  show_logs
  exit 1
}

show_logs() {
  local log
  for log in "$TMP"/*.log; do
    [[ -s $log ]] || continue
    printf '     --- last lines of %s\n' "${log##*/}"
    tail -n 15 "$log" | sed 's/^/     /'
  done
}

# check TEXT COMMAND...: runs the command (in a subshell, with its output kept for a failure). The
# first check that fails ends the script, unless XM_KEEP_GOING is set.
check() {
  local text=$1 status
  shift
  set +e
  (
    trap - ERR
    set -e
    "$@"
  ) >"$TMP/check.out" 2>&1
  status=$?
  set -e
  if ((status != 0)); then
    printf 'FAIL %s\n     command: %s (exit status %d)\n' "$text" "$*" "$status"
    tail -n 30 "$TMP/check.out" | sed 's/^/     /'
    FAILED=1
    [[ ${XM_KEEP_GOING:-} ]] && return 0
    show_logs
    exit 1
  fi
  ok "$text"
}

# wait_for SECONDS COMMAND...: polls until the command succeeds. The limit only keeps a broken run
# from hanging; no test asserts a time.
wait_for() {
  local deadline=$((SECONDS + $1 + 1))
  shift
  until "$@" >"$TMP/wait.out" 2>&1; do
    if ((SECONDS >= deadline)); then
      printf 'never became true: %s\n' "$*" >&2
      tail -n 20 "$TMP/wait.out" >&2
      return 1
    fi
    sleep 0.05
  done
}

not() { ! "$@"; }

# ---- life and death -----------------------------------------------------------------------------

# setup TOOL...: checks what the test needs and arranges for everything to be removed at the end.
setup() {
  local tool
  ((EUID == 0)) || skip "needs root"
  for tool in ip ping ss wg "$PYTHON" "$@"; do
    command -v "$tool" >/dev/null || skip "$tool is not installed (tools/deps installs it)"
  done
  [[ -c /dev/net/tun ]] || skip "/dev/net/tun is missing"
  TMP=$(mktemp -d "${TMPDIR:-/tmp}/$RUN.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  trap 'exit 141' PIPE
  trap 'on_error "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND"' ERR
  ip netns add "$RUN-try" 2>/dev/null || skip "network namespaces cannot be created here"
  ip netns del "$RUN-try"
  [[ -x $UNDER_TEST ]] || fail "there is no binary at $UNDER_TEST: build it or set XDP_MESH"
}

on_error() {
  [[ $- == *e* ]] || return 0 # inside check, which reports by itself
  printf 'FAIL unexpected error in %s, line %d: %s\n' "$@"
  show_logs
}

cleanup() {
  local status=$? ns pid
  ((status)) || status=$FAILED
  trap - ERR EXIT
  trap '' INT TERM HUP
  set +e
  disown -a
  # Whatever runs inside a namespace of this run was started by this run.
  for ns in "${NAMESPACES[@]}"; do
    for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
  done
  for pid in "${WG_PID[@]}" "${BACKGROUND[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  declare -F forget_pins >/dev/null && forget_pins # xdp_lib.sh
  for ns in "${NAMESPACES[@]}"; do ip netns del "$ns" 2>/dev/null; done
  rm -f "$UAPI_DIR/$RUN"[a-z]*.sock "/run/xdp-mesh/$RUN"[a-z]*.sock
  rm -rf "$TMP"
  exit "$status"
}

# ---- hosts --------------------------------------------------------------------------------------

in_ns() { ip netns exec "$@"; }

add_host() {
  ip netns add "$1"
  NAMESPACES+=("$1")
  ip -n "$1" link set lo up
}

# join NAMESPACE DEVICE NAMESPACE DEVICE: a veth pair between two hosts.
join() {
  ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
  ip -n "$1" link set "$2" up
  ip -n "$3" link set "$4" up
}

# address NAMESPACE DEVICE ADDRESS...
address() {
  local ns=$1 dev=$2 addr
  shift 2
  for addr; do
    if [[ $addr == *:* ]]; then
      ip -n "$ns" addr add "$addr" dev "$dev" nodad
    else
      ip -n "$ns" addr add "$addr" dev "$dev"
    fi
  done
}

two_hosts() {
  add_host "$A"
  add_host "$B"
  join "$A" u0 "$B" u0
  address "$A" u0 192.0.2.1/24 2001:db8::1/64
  address "$B" u0 192.0.2.2/24 2001:db8::2/64
}

hosts_behind_nat() {
  add_host "$A"
  add_host "$M"
  add_host "$B"
  join "$A" u0 "$M" u0
  join "$M" u1 "$B" u0
  address "$A" u0 198.51.100.2/24
  address "$M" u0 198.51.100.1/24
  address "$M" u1 192.0.2.1/24
  address "$B" u0 192.0.2.2/24
  ip -n "$A" route add default via 198.51.100.1
  in_ns "$M" sysctl -qw net.ipv4.ip_forward=1
}

# masquerade_from PORT: what $M forwards to the outside leaves from that port of its own; what it knew
# before is forgotten.
masquerade_from() {
  in_ns "$M" nft -f - <<NFT
table ip nat { }
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname u1 meta l4proto udp masquerade to :$1
  }
}
NFT
  in_ns "$M" conntrack -F 2>/dev/null
}

# ---- WireGuard ----------------------------------------------------------------------------------

# genkeys NAME...: private key in $TMP/NAME.key, public key in ${PUB[NAME]}.
genkeys() {
  local name
  for name; do
    wg genkey >"$TMP/$name.key"
    PUB[$name]=$(wg pubkey <"$TMP/$name.key")
  done
}

# True when process $1 listens on the configuration socket of interface $2. Looks without
# connecting: wg removes a socket that refuses it.
uapi_listens() {
  grep -q " 00010000 .* $UAPI_DIR/$2.sock\$" "/proc/$1/net/unix"
}

ended() { ! kill -0 "$1" 2>/dev/null; }

ready_or_ended() { uapi_listens "$1" "$2" || ended "$1"; }

# start_wg NAMESPACE INTERFACE BINARY [ARGUMENT...]: in the foreground of a background job, so that
# its process id is known (${WG_PID[INTERFACE]}); returns when the configuration socket answers. With
# MACHINE_SYS set the process has the machine's /sys, and so its bpffs (`ip netns exec` gives another).
start_wg() {
  launch_wg "$@"
  await_wg "$2"
}

# The same without waiting, and the waiting.
launch_wg() {
  local ns=$1 ifname=$2 binary=$3 enter=(ip netns exec "$1")
  shift 3
  [[ ${MACHINE_SYS:-} ]] && enter=(nsenter "--net=/run/netns/$ns")
  "${enter[@]}" env WG_PROCESS_FOREGROUND=1 LOG_LEVEL="${LOG_LEVEL:-error}" \
    "$binary" "$@" "$ifname" >>"$TMP/$ifname.log" 2>&1 &
  WG_PID[$ifname]=$!
}
await_wg() { # INTERFACE
  wait_for 20 ready_or_ended "${WG_PID[$1]}" "$1" || fail "$1 never opened $UAPI_DIR/$1.sock"
  ended "${WG_PID[$1]}" && fail "$1 ended at its start"
  return 0
}

# stop_wg INTERFACE [SIGNAL]: returns when the process is gone.
stop_wg() {
  local pid=${WG_PID[$1]}
  [[ ${2:-TERM} == TERM ]] || disown "$pid" # bash need not report the kill
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  wait_for 10 ended "$pid" || fail "$1 does not end on ${2:-TERM}"
  wait "$pid" 2>/dev/null || true
  unset "WG_PID[$1]"
}

# configure_pair FAMILY [PSK-FILE]: keys, peers and addresses of $WA and $WB; FAMILY (4 or 6) is that
# of the outer packets. They listen on PORT_A and PORT_B, both know where the other is.
configure_pair() {
  local family=$1 end_a=192.0.2.1:$PORT_A end_b=192.0.2.2:$PORT_B psk=${2:-/dev/null}
  if ((family == 6)); then
    end_a="[2001:db8::1]:$PORT_A" end_b="[2001:db8::2]:$PORT_B"
  fi
  [[ ${PUB[a]:-} ]] || genkeys a b
  wg set "$WA" private-key "$TMP/a.key" listen-port "$PORT_A" peer "${PUB[b]}" preshared-key "$psk" \
    endpoint "$end_b" allowed-ips 10.77.0.2/32,fd77::2/128
  wg set "$WB" private-key "$TMP/b.key" listen-port "$PORT_B" peer "${PUB[a]}" preshared-key "$psk" \
    endpoint "$end_a" allowed-ips 10.77.0.1/32,fd77::1/128
  address "$A" "$WA" 10.77.0.1/24 fd77::1/64
  address "$B" "$WB" 10.77.0.2/24 fd77::2/64
  ip -n "$A" link set "$WA" mtu 1420 up
  ip -n "$B" link set "$WB" mtu 1420 up
}

# tunnel BINARY-A BINARY-B [FAMILY [PSK-FILE]]: both ends started and configured on two_hosts.
tunnel() {
  start_wg "$A" "$WA" "$1"
  start_wg "$B" "$WB" "$2"
  configure_pair "${3:-4}" "${4:-/dev/null}"
}

stop_tunnel() {
  stop_wg "$WA"
  stop_wg "$WB"
}

# Sums over all peers of an interface.
latest_handshake() { wg show "$1" latest-handshakes | awk '{ if ($2 > t) t = $2 } END { print t + 0 }'; }
received() { wg show "$1" transfer | awk '{ n += $2 } END { print n + 0 }'; }
sent() { wg show "$1" transfer | awk '{ n += $3 } END { print n + 0 }'; }
endpoint_of() { wg show "$1" endpoints | awk -v key="$2" '$1 == key { print $2 }'; }

handshake_after() { (($(latest_handshake "$1") > $2)); }
endpoint_is() { [[ $(endpoint_of "$1" "$2") == "$3" ]]; }

# uapi INTERFACE LINE...: one request in the cross-platform form; prints the answer.
uapi() {
  local ifname=$1
  shift
  printf '%s\n' "$@" '' | socat -t 10 - "UNIX-CONNECT:$UAPI_DIR/$ifname.sock"
}

# ---- traffic ------------------------------------------------------------------------------------

traffic() { "$PYTHON" "$HERE/traffic.py" "$@"; }

# in_background NAMESPACE COMMAND...: sets LAST_PID.
in_background() {
  ip netns exec "$@" &
  LAST_PID=$!
  BACKGROUND+=("$LAST_PID")
}

traffic_in() {
  local ns=$1
  shift
  in_ns "$ns" "$PYTHON" "$HERE/traffic.py" "$@"
}

# ping_ok NAMESPACE ADDRESS [OPTION...]: three answers, with time for a first handshake.
ping_ok() { in_ns "$1" ping -n -q -c 3 -i 0.05 -w 15 "${@:3}" "$2"; }

ping_lost() { ! in_ns "$1" ping -n -q -c 3 -i 0.1 -W 1 "${@:3}" "$2"; }

# start_stream NAME FROM TO ADDRESS: a TCP stream of random data from one host to an address of
# another, at a moderate pace, until stop_stream. Events can then happen in the middle of it.
start_stream() {
  local name=$1 from=$2 to=$3 addr=$4 port=$((5100 + ${#STREAMS[@]}))
  STREAMS+=("$name")
  in_background "$to" "$PYTHON" "$HERE/traffic.py" receive "$port" "$TMP/$name.at" >"$TMP/$name.got"
  STREAM_PID[$name]=$LAST_PID
  wait_for 10 test -s "$TMP/$name.at"
  in_background "$from" "$PYTHON" "$HERE/traffic.py" send "$addr" "$port" --until "$TMP/$name.end" \
    --rate "${STREAM_RATE:-20000000}" >"$TMP/$name.sent"
  STREAM_PID[$name]+=" $LAST_PID"
  wait_for 20 stream_beyond "$name" 100000 || fail "stream $name does not start"
}
STREAMS=()
declare -A STREAM_PID=()

stream_at() { cat "$TMP/$1.at"; }
stream_beyond() { (($(stream_at "$1") > $2)); }

# stream_moves NAME: another megabyte arrives.
stream_moves() { wait_for 90 stream_beyond "$1" $(($(stream_at "$1") + 1000000)); }

# stop_stream NAME: ends it; true when the receiver has, byte for byte, what was sent.
stop_stream() {
  local pid
  touch "$TMP/$1.end"
  for pid in ${STREAM_PID[$1]}; do wait_for 60 ended "$pid" || return 1; done
  cat "$TMP/$1.sent" "$TMP/$1.got"
  [[ -s $TMP/$1.got ]] && cmp "$TMP/$1.sent" "$TMP/$1.got"
}

# start_numbers NAME FROM TO ADDRESS [OPTION...]: a UDP flow of numbered datagrams from one host to an
# address of another, until stop_numbers; options as of `traffic.py number`. It shares start_stream's
# ports, files and progress.
start_numbers() {
  local name=$1 from=$2 to=$3 addr=$4 port=$((5100 + ${#STREAMS[@]}))
  STREAMS+=("$name")
  in_background "$to" "$PYTHON" "$HERE/traffic.py" numbers "$port" "$TMP/$name.at" \
    --until "$TMP/$name.end" >"$TMP/$name.got"
  STREAM_PID[$name]=$LAST_PID
  wait_for 10 udp_bound "$to" "$port"
  in_background "$from" "$PYTHON" "$HERE/traffic.py" number "$addr" "$port" \
    --until "$TMP/$name.end" "${@:5}" >"$TMP/$name.sent"
  STREAM_PID[$name]+=" $LAST_PID"
  wait_for 20 stream_beyond "$name" 100 || fail "flow $name does not start"
}

# flow_moves NAME: another hundred datagrams arrive.
flow_moves() { wait_for 30 stream_beyond "$1" $(($(stream_at "$1") + 100)); }

# stop_numbers NAME: ends it; true when datagrams arrived, none of them after a later one.
stop_numbers() {
  local pid
  touch "$TMP/$1.end"
  for pid in ${STREAM_PID[$1]}; do wait_for 60 ended "$pid" || return 1; done
  cat "$TMP/$1.sent" "$TMP/$1.got"
  grep -q '^received [1-9][0-9]* overtaken 0 ' "$TMP/$1.got"
}

# bulk FROM TO ADDRESS [BYTES]: a TCP transfer as fast as it goes; true when it is byte-exact.
bulk() {
  local at="$TMP/bulk.$1.$BASHPID"
  in_background "$2" "$PYTHON" "$HERE/traffic.py" receive 5001 "$at" >"$at.got"
  if wait_for 10 test -s "$at" &&
    traffic_in "$1" send "$3" 5001 --bytes "${4:-20000000}" >"$at.sent" &&
    wait_for 60 ended "$LAST_PID"; then
    cat "$at.sent" "$at.got"
    cmp "$at.sent" "$at.got"
  else
    kill "$LAST_PID" 2>/dev/null # frees the port for the next transfer
    return 1
  fi
}

# bulk_both ADDRESS-OF-A ADDRESS-OF-B [BYTES]: two transfers at once, one in each direction.
bulk_both() {
  bulk "$A" "$B" "$2" "${@:3}" &
  local other=$!
  bulk "$B" "$A" "$1" "${@:3}"
  wait "$other"
}

# start_echo NAMESPACE [PORT]: a UDP echo on every address.
start_echo() {
  in_background "$1" "$PYTHON" "$HERE/traffic.py" echo "${2:-7000}"
  wait_for 10 udp_bound "$1" "${2:-7000}"
}
udp_bound() { [[ $(in_ns "$1" ss -Hlun sport = ":$2") ]]; }

# udp_ok NAMESPACE ADDRESS COUNT SIZE: that many datagrams come back unchanged from start_echo.
udp_ok() { traffic_in "$1" ping "$2" 7000 --count "$3" --size "$4"; }

# ---- observation --------------------------------------------------------------------------------

# count_packets NAMESPACE HOOK NAME MATCH...: an nft counter in hook input, output or forward.
count_packets() {
  local ns=$1 hook=$2 name=$3
  shift 3
  in_ns "$ns" nft -f - <<NFT
table inet xm {
  counter $name { }
  chain count_$hook { type filter hook $hook priority 10; policy accept; }
  chain count_$hook { $* counter name $name; }
}
NFT
}

counted() { in_ns "$1" nft list counter inet xm "$2" | awk '/packets/ { print $2 }'; }
counted_some() { (($(counted "$1" "$2") > 0)); }
counted_none() {
  local packets
  packets=$(counted "$1" "$2")
  printf '%s counted %s packets, expected none\n' "$2" "$packets"
  ((packets == 0))
}
