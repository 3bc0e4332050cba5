#!/usr/bin/env bash
# What the containers of deploy/k8s run, each node in a network namespace of its own: identities that are made
# once, certificates by a delegate whose key stays in the enrolling container, a mesh whose seed is one name for
# all, the probes, and an update that adopts what is pinned.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"

setup_xdp curl setpriv
two_hosts
ENTRYPOINT=$ROOT/deploy/k8s/entrypoint
CAPABILITIES=bpf,perfmon,net_admin,net_raw,ipc_lock
mkdir "$TMP/bin"
ln -s "$UNDER_TEST" "$TMP/bin/xdp-mesh"
export PATH=$TMP/bin:$PATH

# node NAME COMMAND...: with the places of a node of this name.
node() {
  of_node "$1"
  "${AS_NODE[@]}" "${@:2}"
}
# Sets AS_NODE, the beginning of such a command.
of_node() {
  AS_NODE=(env NODE_NAME="node-$1" IDENTITY="$TMP/$1-id" TRUST="${TRUST:-$TMP/secret}"
    CONFIGURATION="$TMP/configuration" METRICS=127.0.0.1:9586 TMPDIR="$TMP/scratch")
}

# ---- the organisation and its delegate -----------------------------------------------------------
at() { xdp-mesh "${@:2}" --dir "$TMP/$1"; }
mkdir -m 700 "$TMP/office" "$TMP/desk" "$TMP/secret" "$TMP/files" "$TMP/scratch"
make_organisation() {
  at office org keygen
  at office export --org >"$TMP/files/organisation"
  at office org delegate "$(at desk org keygen --delegate)" --name 'node-*' --mesh cluster \
    --out "$TMP/desk.certificate"
  at desk trust "$TMP/desk.certificate"
  cp "$TMP/desk/delegate.key" "$TMP/desk/delegate.certificate" "$TMP/files"
}
check "an organisation, and a delegate within limits" make_organisation
# As the kubelet does it: the names are symbolic links.
link_secret() { # NAME...
  local name
  for name; do ln -s "$TMP/files/$name" "$TMP/secret/$name"; done
}
link_secret organisation delegate.key delegate.certificate

# ---- enroll --------------------------------------------------------------------------------------
bare() { setpriv --bounding-set -all --inh-caps -all "$ENTRYPOINT" enroll; } # no capability at all
export -f bare
export ENTRYPOINT
enrolled() {
  node "$1" bash -c bare | tee "$TMP/$1.enrolled"
  [[ $(stat -c %a "$TMP/$1-id") == 700 && $(stat -c %a "$TMP/$1-id/node.key") == 600 ]]
  grep -q '^identity: xm1' "$TMP/$1.enrolled" && ! grep -qF "$(tail -n 1 "$TMP/$1-id/node.key")" "$TMP/$1.enrolled"
}
check "a node makes its identity and signs its certificate" enrolled a
check "so does another" enrolled b
left() { find "$TMP/scratch" "$TMP/a-id" -mindepth 1 -path "$1"; }
check "nothing is left where the delegate's key was" test -z "$(left "$TMP/scratch/*")"
check "it is not beside the node's" test -z "$(left '*delegate*')"
cp "$TMP/a-id/node.key" "$TMP/a.first"
check "enrolling again" enrolled a
check "leaves the identity" cmp "$TMP/a.first" "$TMP/a-id/node.key"
many_at_once() {
  local pids=() i
  for i in 1 2 3 4; do
    node many "$ENTRYPOINT" enroll >"$TMP/many.$i" 2>&1 &
    pids+=($!)
  done
  wait "${pids[@]}"
  [[ $(cat "$TMP"/many.[1-4] | grep -c '^identity: ') == 4 ]]
  [[ $(cat "$TMP"/many.[1-4] | grep '^identity: ' | sort -u | wc -l) == 1 ]]
}
check "four that enroll at once agree" many_at_once
not_enrolled() { ! node "$1" "$ENTRYPOINT" enroll >"$TMP/refused" 2>&1 && cat "$TMP/refused" && grep -qF -- "$2" "$TMP/refused"; }
loose() { chmod 644 "$TMP/many-id/node.key" && not_enrolled many "chmod 600"; }
check "an identity that others can read is refused, with what mends it" loose
foreign() { of_node "$1" && ! "${AS_NODE[@]}" NODE_NAME=gate "$ENTRYPOINT" enroll >"$TMP/refused" 2>&1 &&
  cat "$TMP/refused" && grep -q 'others would refuse' "$TMP/refused"; }
check "a name that is not the delegate's to give is refused" foreign c
rm "$TMP/secret/delegate.key"
check "without a delegate's key the command is named that signs" not_enrolled c "xdp-mesh org sign xm1"
signed_elsewhere() {
  at office org sign "$(sed -n 's/^identity: //p' "$TMP/refused")" --out "$TMP/files/node-c.certificate"
  link_secret node-c.certificate
  enrolled c
}
check "a certificate from the Secret does instead" signed_elsewhere
rm "$TMP/secret/organisation"
check "without an organisation nobody is trusted, which is said" not_enrolled c "expected organisation in the Secret"

# ---- agents --------------------------------------------------------------------------------------
# One name for all nodes, as the headless Service has it.
printf '192.0.2.%d nodes.test\n' 1 2 >"$TMP/hosts"
mkdir "$TMP/configuration"
for name in "$WA" "$WB"; do
  sed -e 's/^seeds = .*/seeds = ["nodes.test:51820"]/' -e 's/^#attach = .*/attach = ["u0"]/' \
    "$ROOT/deploy/k8s/mesh0.toml" >"$TMP/configuration/$name.toml"
done
start_node() { # NAME HOST INTERFACE
  of_node "$1"
  "${AS_NODE[@]}" INTERFACE="$3" nsenter "--net=/run/netns/$2" unshare --mount \
    sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$TMP/hosts" \
    setpriv --bounding-set "-all,+${CAPABILITIES//,/,+}" --inh-caps "-all,+${CAPABILITIES//,/,+}" \
    --ambient-caps "-all,+${CAPABILITIES//,/,+}" --no-new-privs \
    "$ENTRYPOINT" agent >>"$TMP/$1.log" 2>&1 &
  WG_PID[$3]=$!
}
start_node a "$A" "$WA"
start_node b "$B" "$WB"
probe() { in_net "$1" curl -fsS --max-time 5 "http://127.0.0.1:9586$2"; }
check "node a is ready" wait_for 30 probe "$A" /readyz
check "node b is ready" wait_for 30 probe "$B" /readyz
check "liveness" probe "$A" /healthz
joined() { probe "$1" /metrics | grep -F "xdpmesh_mesh_members{interface=\"$2\",state=\"alive\"} 1"; }
check "a found b by the name that all share" wait_for 40 joined "$A" "$WA"
check "and b found a" wait_for 40 joined "$B" "$WB"
trusted_by() { figure "$1" "$2" '.mesh.members[0].trust' | tee /dev/stderr | grep -q "$3"; }
check "because of the organisation" trusted_by "$A" "$WA" organisation
check "under the name of its node" figure_is "$A" "$WA" '.mesh.members[0].names | index("node-b") != null' true
address_of_b() { figure "$B" "$WB" '.mesh.addresses[0]'; }
check "packets between the nodes" ping_ok "$A" "$(address_of_b)"
check "XDP is attached as the configuration says" figure_is "$A" "$WA" '.interfaces[0].name' u0

# ---- a rolling update ----------------------------------------------------------------------------
program=$(program_on "$A" u0)
ends_with_zero() { # NAME INTERFACE; not in a subshell: only the parent can wait for the process
  local pid=${WG_PID[$2]} status=0
  kill -TERM "$pid"
  wait_for 10 ended "$pid" || fail "node $1 does not end on SIGTERM"
  wait "$pid" || status=$?
  ((status == 0)) || fail "node $1: exit status $status on SIGTERM, expected 0"
  ok "node $1 ends on SIGTERM with status 0"
}
ends_with_zero a "$WA"
check "its program stays" test "$(program_on "$A" u0)" = "$program"
beside() { in_net "$A" ping -n -q -c 3 -i 0.05 -w 10 192.0.2.2; }
check "and passes what is not the mesh's" beside
check "b hears that it left" wait_for 20 figure_is "$B" "$WB" '.mesh.members[0].state' left
start_node a "$A" "$WA"
check "the next agent is ready" wait_for 30 probe "$A" /readyz
check "has adopted the pins" figure_is "$A" "$WA" '.interfaces[0].program.adopted' true
check "is a member again" wait_for 40 joined "$B" "$WB"
check "and carries packets" ping_ok "$A" "$(address_of_b)"
ends_with_zero a "$WA"
check "xdp-mesh detach removes what the last one left" ours "$A" detach u0
check "to the last" not runs_a_program "$A" u0

# ---- what is wrong -------------------------------------------------------------------------------
refused() { # WORDS
  ! node a INTERFACE="$WA" nsenter "--net=/run/netns/$A" timeout 20 "$ENTRYPOINT" agent >"$TMP/refused" 2>&1
  cat "$TMP/refused"
  grep -qF -- "$1" "$TMP/refused"
}
sed -i 's/^mesh = /mash = /' "$TMP/configuration/$WA.toml"
check "a misspelt key ends the agent, with its line" refused "$WA.toml:"
rm "$TMP/configuration/$WA.toml"
check "a ConfigMap without the interface is named" refused "expected $WA.toml"
check "an unknown task is refused" not node a "$ENTRYPOINT" fly
