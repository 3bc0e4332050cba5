#!/usr/bin/env bash
# A node of a mesh as xdp-mesh-node@.service runs it: five capabilities, a file system of which it may write what
# the unit lists, readiness and watchdog, a reload by SIGHUP, revocations that are kept, and metrics.
source "$(dirname "$0")/lib.sh"

setup curl jq setpriv
two_hosts
UNIT="$ROOT/deploy/systemd/xdp-mesh-node@.service"
setting() { sed -n "s/^$1=//p" "$UNIT"; }
CAPABILITIES=$(setting AmbientCapabilities | sed 's/CAP_/+/g; s/ /,/g; s/.*/\L&/')
ours() { "$UNDER_TEST" "$@"; }

# ---- two machines of one organisation ------------------------------------------------------------
mkdir -m 700 "$TMP/office" "$TMP/a" "$TMP/b" "$TMP/gone" "$TMP/state"
make_member() { # FOLDER NAME
  local key
  key=$(ours keygen --dir "$TMP/$1")
  ours org sign "$key" --name "$2" --dir "$TMP/office" --out "$TMP/$1.certificate"
  ours trust "$TMP/$1.certificate" --dir "$TMP/$1"
  ours trust --org "$ORGANISATION" --dir "$TMP/$1"
}
ORGANISATION=$(ours org keygen --dir "$TMP/office")
check "a member" make_member a alpha
check "another" make_member b beta
cat >"$TMP/a/$WA.toml" <<'TOML'
mesh = "lab"
[metrics]
listen = "127.0.0.1:9586"
TOML
printf 'mesh = "lab"\nseeds = ["192.0.2.1:51820"]\n' >"$TMP/b/$WB.toml"

# ---- as the unit runs it -------------------------------------------------------------------------
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

# Everything is read-only but the places of the unit's ReadWritePaths, StateDirectory and RuntimeDirectory.
cat >"$TMP/confined" <<AGENT
#!/bin/bash
set -e
mkdir -p /etc/xdp-mesh /var/lib/xdp-mesh /run/xdp-mesh /var/run/wireguard
mount --bind "$TMP/a" /etc/xdp-mesh
mount --bind "$TMP/state" /var/lib/xdp-mesh
mount -t bpf bpf /sys/fs/bpf
for place in /run/xdp-mesh /run/wireguard; do mount --bind "\$place" "\$place"; done
mount -o remount,bind,ro /
mount -o remount,bind,ro /tmp 2>/dev/null || true
! touch /etc/written 2>/dev/null || { echo "/etc can be written"; exit 1; }
exec setpriv --bounding-set "-all,$CAPABILITIES" --inh-caps "-all,$CAPABILITIES" \\
  --ambient-caps "-all,$CAPABILITIES" --no-new-privs "$UNDER_TEST" up --foreground --aead libsodium "$WA"
AGENT
chmod +x "$TMP/confined"
made=() # what this machine did not have
for folder in /etc/xdp-mesh /var/lib/xdp-mesh; do [[ -e $folder ]] || made+=("$folder"); done
forget_pins() { ((${#made[@]} == 0)) || rmdir "${made[@]}" 2>/dev/null; } # lib.sh, at the end
NOTIFY_SOCKET=$TMP/notify.sock WATCHDOG_USEC=3000000 \
  ip netns exec "$A" "$TMP/confined" >>"$TMP/$WA.log" 2>&1 &
WG_PID[$WA]=$!
check "READY=1" wait_for 20 told READY=1
check "the watchdog is fed" wait_for 20 told WATCHDOG=1
in_ns "$B" "$UNDER_TEST" up --foreground --aead libsodium --dir "$TMP/b" "$WB" >>"$TMP/$WB.log" 2>&1 &
WG_PID[$WB]=$!

# figure JQ-EXPRESSION: of the confined node's status
figure() { in_ns "$A" "$UNDER_TEST" status --json "$WA" | jq -r "$1"; }
is() { [[ $(figure "$1") == "$2" ]]; }
check "the nodes find each other by a bare address" wait_for 30 is '.mesh.members[0].state' alive
check "the counter of its lives is in the state directory" test -n "$(find "$TMP/state/$WA" -type f)"
address_of() { in_ns "$1" "$UNDER_TEST" status --json "$2" | jq -r '.mesh.addresses[0]'; }
check "packets between them" ping_ok "$A" "$(address_of "$B" "$WB")"

# ---- reload --------------------------------------------------------------------------------------
handshake=$(figure '.peers[0].last_handshake_seconds')
printf 'names = ["alpha"]\n%s\n' "$(cat "$TMP/a/$WA.toml")" >"$TMP/a/$WA.toml.new"
mv "$TMP/a/$WA.toml.new" "$TMP/a/$WA.toml"
# What ExecReload does.
[[ $(setting ExecReload) == '/bin/kill -HUP $MAINPID' ]] || fail "the unit reloads in another way than this test"
kill -HUP "${WG_PID[$WA]}"
check "SIGHUP: the configuration is read again" wait_for 10 is '.mesh.names[0]' alpha
goes_on() { (($(figure '.peers[0].last_handshake_seconds') >= handshake)); }
check "and the session goes on" goes_on
check "it still runs" not ended "${WG_PID[$WA]}"

# ---- metrics -------------------------------------------------------------------------------------
fetch() { in_ns "$A" curl -fsS --max-time 5 "http://127.0.0.1:9586$1" >"$TMP/body" && cat "$TMP/body"; }
check "readiness" fetch /readyz
check "metrics" fetch /metrics
cp "$TMP/body" "$TMP/metrics"
counts() { grep -F "$1" "$TMP/metrics"; }
check "members by state" counts "xdpmesh_mesh_members{interface=\"$WA\",state=\"alive\"} 1"
check "members by reach" counts "xdpmesh_mesh_members_by_reach{interface=\"$WA\",reach=\"direct\"} 1"
check "the record's end" counts xdpmesh_mesh_record_expiry_timestamp_seconds
check "the certificate's end" counts xdpmesh_mesh_certificate_expiry_timestamp_seconds
check "no private key in them" not grep -qF "$(tail -n 1 "$TMP/a/node.key")" "$TMP/metrics"
if command -v promtool >/dev/null; then
  lint() { promtool check metrics <"$TMP/metrics"; }
  check "promtool check metrics" lint
else
  note "promtool is not installed: its check was left out"
fi
valid() {
  in_ns "$A" "$UNDER_TEST" status --json "$WA" >"$TMP/status"
  "$PYTHON" "$ROOT/tests/support/check_status_schema.py" "$ROOT/docs/status-schema.json" "$TMP/status" || (($? == 77))
}
check "status is what its schema says" valid

# ---- a revocation that gossip brings -------------------------------------------------------------
revoke_a_third() {
  ours org revoke "$(ours keygen --dir "$TMP/gone")" --dir "$TMP/office" --out "$TMP/gone.revocation"
  ours trust "$TMP/gone.revocation" --dir "$TMP/b"
}
check "the organisation revokes somebody, and b is told" revoke_a_third
kept() { [[ $(find "$TMP/a/revocations" -type f) ]]; }
check "the confined node keeps that beside its keys" wait_for 40 kept

stop_wg "$WA"
check "STOPPING=1 at the end" wait_for 10 told STOPPING=1
