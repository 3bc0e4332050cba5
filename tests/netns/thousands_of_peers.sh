#!/usr/bin/env bash
# What one interface holds: 10,000 configured peers, all of them shown, one of them in use; and the
# memory for one peer and for 1,000.
source "$(dirname "$0")/lib.sh"

setup jq
two_hosts
genkeys a b

peers_conf() { # FIRST END: peers that will never be heard of
  "$PYTHON" - "$@" <<'PY'
import base64, os, sys
for i in range(int(sys.argv[1]), int(sys.argv[2])):
    print("[Peer]\nPublicKey = " + base64.b64encode(os.urandom(32)).decode())
    print("Endpoint = 192.0.2.77:%d" % (1 + i % 65535))
    print("AllowedIPs = 10.%d.%d.%d/32, fd79::%x/128" % (80 + i // 65536, i // 256 % 256, i % 256, i))
PY
}
hub_conf() { # COUNT: the live one among them
  printf '[Interface]\nPrivateKey = %s\nListenPort = %d\n' "$(<"$TMP/b.key")" "$PORT_B"
  peers_conf 1 $((($1 + 1) / 2))
  printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.77.0.1/32, fd77::1/128\n' "${PUB[a]}"
  peers_conf $((($1 + 1) / 2)) "$1"
}
status() { in_ns "$B" "$UNDER_TEST" status "$WB" --json; }
status_counts() { (($(status | jq '.peers | length') == $1)) && (($(wg show "$WB" peers | wc -l) == $1)); }
status_knows_the_live_one() {
  status | jq -e --arg key "${PUB[a]}" '.peers[] | select(.public_key == $key) |
    .received_bytes > 0 and .sent_bytes > 0 and .allowed_ips == 2 and .last_handshake_seconds < 100'
}
resident() { awk '/VmRSS/ { print $2 }' "/proc/${WG_PID[$WB]}/status"; }
holds_at_most() {
  echo "$(resident) kB resident"
  (($(resident) <= $1 * 1024))
}

tunnel "$UNDER_TEST" "$UNDER_TEST"
check "a tunnel with one peer" ping_ok "$A" 10.77.0.2
check "which carries bulk" bulk "$A" "$B" 10.77.0.2
check "is resident in 32 MB" holds_at_most 32
note "one peer: $(resident) kB"

for count in 1000 10000; do
  hub_conf $count >"$TMP/hub.conf"
  check "wg syncconf with $count peers" wg syncconf "$WB" "$TMP/hub.conf"
  check "wg and status show $count peers" status_counts $count
  check "the one that lives gets through" ping_ok "$A" fd77::2
  check "and carries bulk" bulk "$B" "$A" 10.77.0.1
  check "status has its figures" status_knows_the_live_one
  if ((count == 1000)); then check "1,000 peers are resident in 64 MB" holds_at_most 64; fi
  note "$count peers: $(resident) kB"
done

check "wg syncconf with the same changes nothing" wg syncconf "$WB" "$TMP/hub.conf"
check "10,000 peers still" status_counts 10000
hub_conf 1 >"$TMP/hub.conf"
check "all but one are removed at once" wg syncconf "$WB" "$TMP/hub.conf"
check "one is left" status_counts 1
check "and gets through" ping_ok "$A" 10.77.0.2
