#!/usr/bin/env bash
# The configuration socket in the cross-platform form, spoken directly: every key, what is refused
# and with which errno, very large requests, and clients that misbehave.
source "$(dirname "$0")/lib.sh"

setup socat
two_hosts
genkeys a b c
start_wg "$A" "$WA" "$UNDER_TEST"
SOCK=$UAPI_DIR/$WA.sock

hex() { base64 -d <<<"$1" | od -An -vtx1 | tr -d ' \n'; }
KEY_A=$(hex "$(<"$TMP/a.key")")
PUB_B=$(hex "${PUB[b]}")
PUB_C=$(hex "${PUB[c]}")

# A refusal is a negative errno, as wg expects it. 71 is EPROTO, 22 EINVAL, 98 EADDRINUSE.
accepted() { [[ $(uapi "$WA" set=1 "$@") == errno=0 ]]; }
refused() { # ERRNO-PATTERN LINE...
  local answer pattern=$1
  shift
  answer=$(uapi "$WA" set=1 "$@")
  printf 'answer: %s, expected errno=-(%s)\n' "$answer" "$pattern"
  [[ $answer =~ ^errno=-($pattern)$ ]]
}
shows() {
  local line
  uapi "$WA" get=1 >"$TMP/get"
  for line; do
    grep -qx -- "$line" "$TMP/get" || {
      printf 'missing: %s\n' "$line"
      return 1
    }
  done
}
shows_not() { ! uapi "$WA" get=1 | grep -x -- "$1"; }
has_peers() { [[ $(uapi "$WA" get=1 | grep -c '^public_key=') == "$1" ]]; }

check "get on a fresh interface ends with errno=0" shows errno=0
check "the socket is for its owner alone" test "$(stat -c %a "$SOCK")" = 600 -o "$(stat -c %a "$SOCK")" = 700

check "set private_key, listen_port, fwmark" \
  accepted "private_key=$KEY_A" listen_port=40100 fwmark=17
check "get shows them" shows "private_key=$KEY_A" listen_port=40100 fwmark=17
check "set a peer with every key" accepted "public_key=$PUB_B" \
  preshared_key="$(printf '11%.0s' {1..32})" endpoint=192.0.2.2:51820 \
  persistent_keepalive_interval=25 allowed_ip=10.77.0.2/32 allowed_ip=fd77::2/128 \
  allowed_ip=10.5.0.0/16
check "get shows them" shows "public_key=$PUB_B" "preshared_key=$(printf '11%.0s' {1..32})" \
  endpoint=192.0.2.2:51820 persistent_keepalive_interval=25 allowed_ip=10.77.0.2/32 \
  allowed_ip=fd77::2/128 allowed_ip=10.5.0.0/16 protocol_version=1 rx_bytes=0 tx_bytes='[0-9]*' \
  last_handshake_time_sec=0 last_handshake_time_nsec=0 errno=0
check "an IPv6 endpoint" accepted "public_key=$PUB_B" "endpoint=[2001:db8::2]:51820"
check "get shows it in brackets" shows 'endpoint=\[2001:db8::2\]:51820'
check "host bits beyond a prefix are cut" accepted "public_key=$PUB_B" allowed_ip=10.6.7.8/16
check "get shows the prefix" shows allowed_ip=10.6.0.0/16
check "replace_allowed_ips" accepted "public_key=$PUB_B" replace_allowed_ips=true \
  allowed_ip=10.77.0.2/32
check "only the new ones are left" shows_not allowed_ip=10.5.0.0/16
check "allowed IPs move to the peer named last" \
  accepted "public_key=$PUB_C" allowed_ip=10.77.0.2/32
check "and are there once" test "$(uapi "$WA" get=1 | grep -c allowed_ip=10.77.0.2/32)" -eq 1
check "update_only for a peer that is not there makes none" accepted \
  "public_key=$(printf '22%.0s' {1..32})" update_only=true persistent_keepalive_interval=5
check "still two peers" has_peers 2
check "update_only for one that is there" \
  accepted "public_key=$PUB_C" update_only=true persistent_keepalive_interval=7
check "it took effect" shows persistent_keepalive_interval=7
check "remove" accepted "public_key=$PUB_C" remove=true
check "one peer is left" has_peers 1
check "removing a peer that is not there is no error" accepted "public_key=$PUB_C" remove=true
check "a peer with our own key is not added" accepted "public_key=$(hex "${PUB[a]}")"
check "replace_peers" accepted replace_peers=true "public_key=$PUB_C" allowed_ip=10.77.0.3/32
check "only the new peer is left" shows_not "public_key=$PUB_B"
check "replace_peers alone removes all" accepted replace_peers=true
check "no peer is left" has_peers 0
check "fwmark=0 takes the mark off" accepted fwmark=0
check "get leaves it out, or shows 0" shows_not fwmark=17
check "an all-zero private key takes the key off" accepted "private_key=$(printf '00%.0s' {1..32})"
check "get no longer shows it" shows_not "private_key=$KEY_A"
check "and it can be set again" accepted "private_key=$KEY_A"

check "an unknown key is refused" refused '22|71' nonsense=1
check "a line without = is refused" refused '22|71' nonsense
check "a private key that is too short is refused" refused '22|71' private_key=abcd
check "a private key that is not hex is refused" refused '22|71' "private_key=$(printf 'zz%.0s' {1..32})"
check "a listen port beyond 65535 is refused" refused '22|71' listen_port=65536
check "a peer's key without a peer is refused" refused '22|71' endpoint=192.0.2.2:51820
check "a peer's key that is cut short is refused" refused '22|71' public_key=1234
check "an endpoint without a port is refused" refused '22|71' "public_key=$PUB_B" endpoint=192.0.2.2
check "an endpoint that is no address is refused" \
  refused '22|71' "public_key=$PUB_B" endpoint=nowhere:1
check "an allowed IP with too long a prefix is refused" \
  refused '22|71' "public_key=$PUB_B" allowed_ip=10.0.0.0/33
check "an allowed IP that is none is refused" refused '22|71' "public_key=$PUB_B" allowed_ip=ten/8
check "a keepalive beyond 65535 is refused" \
  refused '22|71' "public_key=$PUB_B" persistent_keepalive_interval=65536
check "remove=maybe is refused" refused '22|71' "public_key=$PUB_B" remove=maybe
check "replace_peers=maybe is refused" refused '22|71' replace_peers=maybe
check "another protocol version is refused" refused '22|71' "public_key=$PUB_B" protocol_version=2
check "it still answers" shows "private_key=$KEY_A"

# Several requests over one connection.
several() {
  local answers
  answers=$(for request in 'set=1\nfwmark=3' 'get=1' 'set=1\nfwmark=0'; do
    printf '%b\n\n' "$request"
    sleep 0.2
  done | socat -t 10 - "UNIX-CONNECT:$SOCK" | grep -c '^errno=0$')
  ((answers == 3))
}
check "three requests over one connection, three answers" several
in_pieces() {
  local answer
  answer=$({
    printf 'set=1\nfwma'
    sleep 0.2
    printf 'rk=4\n\n'
  } | socat -t 10 - "UNIX-CONNECT:$SOCK")
  [[ $answer == errno=0 ]]
}
check "a request that comes in pieces" in_pieces
check "took effect" shows fwmark=4
check "an operation that is none" bash -c \
  "! printf 'hello=1\n\n' | socat -t 3 - UNIX-CONNECT:$SOCK | grep errno=0"
check "it still answers" shows fwmark=4

# A port that is taken.
check "back to a known state" accepted replace_peers=true fwmark=0 listen_port=40100 \
  "public_key=$PUB_B" endpoint=192.0.2.2:51820 allowed_ip=10.77.0.2/32 allowed_ip=fd77::2/128
start_wg "$B" "$WB" "$UNDER_TEST"
wg set "$WB" private-key "$TMP/b.key" listen-port 51820 peer "${PUB[a]}" \
  endpoint 192.0.2.1:40100 allowed-ips 10.77.0.1/32,fd77::1/128
address "$A" "$WA" 10.77.0.1/24 fd77::1/64
address "$B" "$WB" 10.77.0.2/24 fd77::2/64
ip -n "$A" link set "$WA" up
ip -n "$B" link set "$WB" up
check "a tunnel" ping_ok "$A" 10.77.0.2
start_echo "$A" 40200
check "a listen port that is taken is EADDRINUSE" refused 98 listen_port=40200
says_in_use() { ! wg set "$WA" listen-port 40200 2>"$TMP/err" && grep -qi 'address.*in use' "$TMP/err"; }
check "wg says that the address is in use" says_in_use
check "the port from before is still shown" shows listen_port=40100
check "and the tunnel still works" ping_ok "$B" 10.77.0.1
check "a free port after that" accepted listen_port=40300
check "the tunnel follows" ping_ok "$A" fd77::2
check "listen_port=0 picks one" accepted listen_port=0
check "and shows which" shows 'listen_port=[1-9][0-9]*'
check "the tunnel follows" ping_ok "$A" 10.77.0.2

# Very large requests and answers.
many_ips() {
  printf 'set=1\npublic_key=%s\n' "$PUB_C"
  awk 'BEGIN { for (i = 0; i < 130560; i++)
    printf "allowed_ip=10.%d.%d.%d/32\n", 128 + i / 65536, i / 256 % 256, i % 256 }'
  printf '\n'
}
set_many_ips() { [[ $(many_ips | socat -t 30 - "UNIX-CONNECT:$SOCK") == errno=0 ]]; }
shows_many_ips() { (($(wg show "$WA" allowed-ips | tr '[:space:]' '\n' | grep -c '^10\.1[23]') == 130560)); }
check "130,560 allowed IPs in one set" set_many_ips
check "wg shows them all" shows_many_ips
check "the tunnel works beside them" ping_ok "$A" 10.77.0.2
check "they go with their peer" accepted "public_key=$PUB_C" remove=true
check "none is left" bash -c "! wg show $WA allowed-ips | grep 10.128. >/dev/null"

# Clients that hang, and many at once.
"$PYTHON" "$HERE/traffic.py" hold "$SOCK" 'set=1\nfwmark=9\n' 'get=1\n' 'se' '' 'set=1\nfwma' \
  >"$TMP/hold" &
BACKGROUND+=($!)
wait_for 10 grep -q holding "$TMP/hold"
check "clients that send half a request do not hold up others" shows errno=0
check "nor does their half take effect" shows_not fwmark=9
kill "${BACKGROUND[-1]}"
at_once() {
  local pids=() pid
  for _ in {1..40}; do
    wg show "$WA" dump >/dev/null &
    pids+=($!)
    wg set "$WA" peer "${PUB[c]}" allowed-ips 10.77.0.3/32 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}
check "80 clients at once" at_once
flooded() { # by text from standard input; whether it is answered or cut off, memory stays bounded
  socat -u - "UNIX-CONNECT:$SOCK" 2>/dev/null || true
  (($(awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$WA]}/status") < 300000))
}
check "a request of a million wrong lines" flooded < <(printf 'set=1\n' && yes nonsense | head -n 1000000)
check "an endless line" flooded < <(printf 'set=1\n' && head -c 100000000 /dev/zero | tr '\0' x)
check "it still answers" shows errno=0
check "and the tunnel works" ping_ok "$A" 10.77.0.2
