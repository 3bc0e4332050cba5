#!/usr/bin/env bash
# Nodes that trust an organisation and know no address find each other in the local network; what the
# commands for people say of them: peers, resolve, ping, down; their names in a hosts file.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/xdp_lib.sh"
source "$(dirname "$0")/mesh_lib.sh"

setup_mesh

mesh_hosts 46 46 46
make_nodes 1 2 3
mkdir -m 700 "$TMP/org"
ORGANISATION=$("$UNDER_TEST" org keygen --dir "$TMP/org")
for node in 1 2 3; do
  "$UNDER_TEST" org sign "${ID[$node]}" --name "node$node" --dir "$TMP/org" --out "$TMP/certificate"
  "$UNDER_TEST" trust "$TMP/certificate" --dir "$TMP/$node" >/dev/null
  "$UNDER_TEST" trust --org "$ORGANISATION" --dir "$TMP/$node" >/dev/null
done
printf '127.0.0.1 localhost\n' >"$TMP/hosts"
cp "$TMP/hosts" "$TMP/hosts.before"
configure 1 "" "[discovery]" "lan = true"
configure 2 "" "[discovery]" "lan = true" "[resolver]" "hosts_file = \"$TMP/hosts\""
configure 3 "" "[discovery]" "lan = true"

asks() { # NODE COMMAND...: one of ours in the node's host, of its interface
  in_ns "$(host "$1")" "$UNDER_TEST" "${@:2}"
}
peers_say() { # NODE PATTERN
  asks "$1" peers "$(tunnel_of "$1")"
  asks "$1" peers "$(tunnel_of "$1")" | grep -Eq "$2"
}
resolves() { # NODE NAME ADDRESS
  asks "$1" resolve "$2" --interface "$(tunnel_of "$1")" | grep -qx "$3"
}
unknown_name() {
  local said
  if said=$(asks 2 resolve nod3 --interface "$(tunnel_of 2)" 2>&1); then return 1; fi
  printf '%s\n' "$said"
  [[ $said == *node3* ]]
}
pings() { asks "$1" ping "$2" -c 3 --interface "$(tunnel_of "$1")"; }
answers() { pings "$@" | tee "$TMP/ping.out" && grep -q '3 answered' "$TMP/ping.out"; }
in_hosts() { grep -qx "$(inner 3) node3.mesh" "$TMP/hosts" && head -n 1 "$TMP/hosts" | cmp - "$TMP/hosts.before"; }
silent_ping() {
  local said
  if said=$(pings 1 node3 2>&1); then return 1; fi
  printf '%s\n' "$said"
  [[ $said == *left* ]]
}

ups 1 2 3
check "three that know nobody's address see each other" wait_for "$SOON" all_see_each_other 1 2 3
check "the certificate is the reason" peers_say 1 'node2 .*certificate of organisation'
check "a name resolves, with and without the mesh's suffix" resolves 1 node3.mesh "$(inner 3)"
check "a name resolves to both families" resolves 1 node3 "$(inner 3 6)"
check "an unknown name is an error that names what is near" unknown_name
check "ping answers" answers 1 node3
check "the hosts file has the members, and its own lines as before" wait_for "$SOON" in_hosts
check "an address may be pinged as well as a name" answers 2 "$(inner 1)"

check "down ends a node" asks 3 down "$(tunnel_of 3)"
check "who said good-bye is not taken for dead" wait_for "$SOON" peers_say 1 'node3 .*left'
check "ping says why there is no answer" silent_ping
down 2
check "the hosts file is as before when its node has ended" cmp "$TMP/hosts" "$TMP/hosts.before"
