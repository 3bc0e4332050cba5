# shellcheck shell=bash
# The first act of tools/demo: a tunnel between two hosts, measured beside the plain link and, where installed,
# Debian's wireguard-go.
#
#   namespace $A                                    namespace $B
#   veth   192.0.2.1/24  ----------------------------  192.0.2.2/24
#   tunnel 10.77.0.1/24                                10.77.0.2/24

SECONDS_TCP=2 # each way
SECONDS_UDP=2
PINGS=100
A=$RUN-a B=$RUN-b

two_hosts() {
  add_host "$A"
  add_host "$B"
  ip link add u0 netns "$A" type veth peer name u0 netns "$B"
  ip -n "$A" addr add 192.0.2.1/24 dev u0
  ip -n "$B" addr add 192.0.2.2/24 dev u0
  ip -n "$A" link set u0 up
  ip -n "$B" link set u0 up
}

listens() { grep -q " 00010000 .* /var/run/wireguard/$2.sock\$" "/proc/$1/net/unix"; }

# one_end NAMESPACE INTERFACE BINARY OWN-KEY PEER-KEY INNER OUTER-OF-PEER INNER-OF-PEER
one_end() {
  local pid
  ip netns exec "$1" env WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error "$3" "$2" >"$TMP/$2.log" 2>&1 &
  pid=$!
  PIDS+=("$pid")
  wait_until listens "$pid" "$2"
  wg set "$2" private-key "$TMP/$4" listen-port 51820 \
    peer "$(wg pubkey <"$TMP/$5")" endpoint "$7:51820" allowed-ips "$8/32"
  ip -n "$1" addr add "$6/24" dev "$2"
  ip -n "$1" link set "$2" mtu 1420 up
}

tunnel() { # NAME BINARY
  one_end "$A" "$RUN$1a" "$2" key-a key-b 10.77.0.1 192.0.2.2 10.77.0.2
  one_end "$B" "$RUN$1b" "$2" key-b key-a 10.77.0.2 192.0.2.1 10.77.0.1
  in_ns "$A" ping -n -q -c 1 -w 15 10.77.0.2 >/dev/null || {
    cat "$TMP/$RUN$1"?.log >&2
    die "$2: the two ends do not reach each other"
  }
}

end_tunnel() { # NAME
  ip -n "$A" link del "$RUN$1a"
  ip -n "$B" link del "$RUN$1b"
  end_processes
}

# ---- measurements; each prints one line of numbers ----------------------------------------------

udp() { # ADDRESS: thousands of 1300-byte packets received a second
  iperf "$A" "$B" "$1" -t "$SECONDS_UDP" -u -b 0 -l 1300
  awk -v seconds="$SECONDS_UDP" '/receiver/ {
    for (i = 2; i <= NF; i++) if (split($i, part, "/") == 2 && $i ~ /^[0-9]+\/[0-9]+$/)
      printf "%.0f\n", (part[2] - part[1]) / seconds / 1000 }' "$TMP/iperf"
}

rtt() { # ADDRESS: median and 99th percentile in ms, idle
  in_ns "$A" ping -n -c "$PINGS" -i 0.01 "$1" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -n |
    awk '{ t[NR] = $1 } END { printf "%.3f %.3f\n", t[int((NR + 1) / 2)], t[int(NR * 0.99)] }'
}

declare -A OF # measurement and link -> number
measure() { # LINK ADDRESS
  local p50 p99
  say "$1: $PINGS pings"
  read -r p50 p99 < <(rtt "$2")
  OF[p50 $1]=$p50 OF[p99 $1]=$p99
  say "$1: one TCP stream from A to B, $SECONDS_TCP s"
  OF[up $1]=$(tcp "$A" "$B" "$2" "$SECONDS_TCP")
  say "$1: one TCP stream from B to A, $SECONDS_TCP s"
  OF[down $1]=$(tcp "$A" "$B" "$2" "$SECONDS_TCP" -R)
  say "$1: UDP as fast as it goes, $SECONDS_UDP s"
  OF[udp $1]=$(udp "$2")
}

row() { # TEXT MEASUREMENT
  local mesh=${OF[$2 xdp-mesh]} plain=${OF[$2 plain]} go=${OF[$2 wireguard-go]:--}
  awk -v text="$1" -v mesh="$mesh" -v plain="$plain" -v go="$go" 'BEGIN {
    over_go = go > 0 ? sprintf("%.1f x", mesh / go) : "-"
    over_plain = plain > 0 ? sprintf("%.2f x", mesh / plain) : "-"
    printf "%-34s %10s %10s %14s %12s %16s\n", text, mesh, plain, go, over_plain, over_go }'
}

print_table() {
  printf '\n%-34s %10s %10s %14s %12s %16s\n' "two hosts on this machine" xdp-mesh "plain veth" \
    wireguard-go "/ plain veth" "/ wireguard-go"
  row "TCP, one stream, A to B, Gbit/s" up
  row "TCP, one stream, B to A, Gbit/s" down
  row "UDP of 1300 B, received, kpackets/s" udp
  row "RTT idle, median, ms" p50
  row "RTT idle, 99th percentile, ms" p99
  printf '\n%s, kernel %s, both hosts share %s cores\n' \
    "$("$BINARY" --version | head -n 1)" "$(uname -r)" "$(nproc)"
}

act_tunnel() {
  say "act 1, a tunnel: two hosts, network namespaces joined by veth"
  two_hosts
  wg genkey >"$TMP/key-a"
  wg genkey >"$TMP/key-b"
  measure plain 192.0.2.2
  if WIREGUARD_GO=$(command -v wireguard-go); then
    say "a tunnel by $WIREGUARD_GO"
    tunnel g "$WIREGUARD_GO"
    measure wireguard-go 10.77.0.2
    end_tunnel g
  else
    say "wireguard-go is not installed: left out"
  fi
  say "a tunnel by $BINARY"
  tunnel x "$BINARY"
  measure xdp-mesh 10.77.0.2
  print_table
  printf '\nwg show, as host A sees the tunnel:\n'
  wg show "${RUN}xa"
  end_tunnel x
}
