#!/usr/bin/env bash
# What the containers of deploy/k8s run, each node in a network namespace of its own: identities that are made
# once, the node's configuration, the probes, and a clean end.
source "$(dirname "$0")/lib.sh"

setup curl setpriv
two_hosts
ENTRYPOINT=$ROOT/deploy/k8s/entrypoint
mkdir "$TMP/bin"
ln -s "$UNDER_TEST" "$TMP/bin/xdp-mesh"
export PATH=$TMP/bin:$PATH CONFIGURE=$ROOT/deploy/systemd/configure

# node NAME COMMAND...: with the places of a node of this name.
node() {
  of_node "$1"
  "${AS_NODE[@]}" "${@:2}"
}
# Sets AS_NODE, the beginning of such a command.
of_node() {
  mkdir -p "$TMP/$1-run"
  AS_NODE=(env NODE_NAME="node-$1" IDENTITY="$TMP/$1-id" CONFIGURATION="$TMP/configuration-$1"
    RUNTIME="$TMP/$1-run" METRICS=127.0.0.1:9586)
}

# ---- enroll --------------------------------------------------------------------------------------
enrolled() { # with no capability at all, as the container
  node "$1" setpriv --bounding-set -all --inh-caps -all "$ENTRYPOINT" enroll | tee "$TMP/$1.enrolled"
  [[ $(stat -c %a "$TMP/$1-id") == 700 && $(stat -c %a "$TMP/$1-id/private.key") == 600 ]]
  [[ $(wc -l <"$TMP/$1.enrolled") == 1 ]] && ! grep -qF "$(<"$TMP/$1-id/private.key")" "$TMP/$1.enrolled"
}
check "a node makes its key, and prints the public one" enrolled a
check "so does another" enrolled b
cp "$TMP/a-id/private.key" "$TMP/a.first"
check "enrolling again changes nothing" enrolled a
check "the key is the same" cmp "$TMP/a.first" "$TMP/a-id/private.key"
no_draft() { [[ $(find "$TMP/a-id" -type f | wc -l) == 1 ]]; }
check "and nothing else is there" no_draft
many_at_once() {
  local pids=() i
  for i in 1 2 3 4 5 6; do
    node c "$ENTRYPOINT" enroll >"$TMP/c.$i" &
    pids+=($!)
  done
  wait "${pids[@]}"
  [[ $(cat "$TMP"/c.[1-6] | sort -u | wc -l) == 1 ]]
}
check "six that enroll at once agree" many_at_once
loose() { chmod 644 "$TMP/c-id/private.key" && ! node c "$ENTRYPOINT" enroll 2>"$TMP/loose" && grep chmod "$TMP/loose"; }
check "a key that others can read is refused, with what mends it" loose

# ---- agent ---------------------------------------------------------------------------------------
public() { sed 's/^public key: //' "$TMP/$1.enrolled"; }
write_configuration() { # NODE INTERFACE OWN-NUMBER PEER PEER-NUMBER
  mkdir -p "$TMP/configuration-$1"
  echo "$2" >"$TMP/configuration-$1/interface"
  echo "--workers 1" >"$TMP/configuration-$1/options"
  cat >"$TMP/configuration-$1/node-$1.conf" <<CONF
[Interface]
ListenPort = 51820
Address = 10.77.0.$3/24

[Peer]
PublicKey = $(public "$4")
Endpoint = 192.0.2.$5:51820
AllowedIPs = 10.77.0.$5/32
CONF
}
write_configuration a "$WA" 1 b 2
write_configuration b "$WB" 2 a 1
start_node() { # NAME NAMESPACE INTERFACE
  of_node "$1"
  "${AS_NODE[@]}" ip netns exec "$2" "$ENTRYPOINT" agent >"$TMP/$1.log" 2>&1 &
  WG_PID[$3]=$!
}
start_node a "$A" "$WA"
start_node b "$B" "$WB"
probe() { in_ns "$1" curl -fsS --max-time 5 "http://127.0.0.1:9586$2"; }
check "node a is ready" wait_for 20 probe "$A" /readyz
check "node b is ready" wait_for 20 probe "$B" /readyz
check "a tunnel between the nodes" ping_ok "$A" 10.77.0.2
check "liveness" probe "$A" /healthz
check "metrics" probe "$B" /metrics
check "no key is left beside the agent" not test -e "$TMP/a-run/$WA.conf"

ends_with_zero() { # NAME INTERFACE; not in a subshell: only the parent can wait for the process
  local pid=${WG_PID[$2]} status=0
  kill -TERM "$pid"
  wait_for 10 ended "$pid" || fail "node $1 does not end on SIGTERM"
  wait "$pid" || status=$?
  ((status == 0)) || fail "node $1: exit status $status on SIGTERM, expected 0"
  ok "node $1 ends on SIGTERM with status 0"
}
ends_with_zero a "$WA"
check "its socket is gone" not test -e "$UAPI_DIR/$WA.sock"

# ---- what is wrong -------------------------------------------------------------------------------
refused() { # WORDS
  ! node a ip netns exec "$A" timeout 20 "$ENTRYPOINT" agent >"$TMP/refused" 2>&1
  cat "$TMP/refused"
  grep -qF -- "$1" "$TMP/refused"
}
sed -i 's/^Address/Adress/' "$TMP/configuration-a/node-a.conf"
check "a misspelt key ends the agent" refused Adress
sed -i 's/^Adress.*/PrivateKey = x/' "$TMP/configuration-a/node-a.conf"
check "a private key in the ConfigMap is refused" refused "expected no PrivateKey"
rm "$TMP/configuration-a/node-a.conf"
check "a node without a configuration is named" refused "expected node-a.conf"
check "an unknown task is refused" not node a "$ENTRYPOINT" fly
