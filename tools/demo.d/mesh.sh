# shellcheck shell=bash
# The second act of tools/demo: three nodes form a mesh, with XDP attached to their links, move data, lose one of
# them and get it back.
#
#   namespace $RUN-1      $RUN-2      $RUN-3
#   u0      192.0.2.1  192.0.2.2  192.0.2.3
#              \           |          /
#              a bridge in namespace $RUN-0
#
# Node 1 is the one address that the others are told; each trusts the two others' keys. Every address inside the
# mesh is derived from a key.

NODES=3
SECONDS_MESH=2
declare -A ID PID_OF

mesh_of() { echo "${RUN}m$1"; } # the interface of node N
keys_of() { echo "$TMP/node$1"; }
mesh_status() { nsenter "--net=/run/netns/$RUN-$1" "$BINARY" status --json "$(mesh_of "$1")"; }
mesh_figure() { mesh_status "$1" | jq -r "$2"; }
mesh_figure_is() { [[ $(mesh_figure "$1" "$2" 2>/dev/null) == "$3" ]]; }
mesh_address() { mesh_figure "$1" '.mesh.addresses[0]'; }

three_hosts() {
  local i
  add_host "$RUN-0"
  ip -n "$RUN-0" link add br0 type bridge
  ip -n "$RUN-0" link set br0 up
  for ((i = 1; i <= NODES; i++)); do
    add_host "$RUN-$i"
    ip link add u0 netns "$RUN-$i" type veth peer name "p$i" netns "$RUN-0"
    ip -n "$RUN-0" link set "p$i" master br0 up
    ip -n "$RUN-$i" link set u0 up
    ip -n "$RUN-$i" addr add "192.0.2.$i/24" dev u0
  done
}

# What an administrator does on each machine: a key, whom to trust, and a file of two lines.
introduce() {
  local i j
  for ((i = 1; i <= NODES; i++)); do
    mkdir -m 700 "$(keys_of "$i")"
    ID[$i]=$("$BINARY" keygen --dir "$(keys_of "$i")")
  done
  for ((i = 1; i <= NODES; i++)); do
    for ((j = 1; j <= NODES; j++)); do
      ((i == j)) || "$BINARY" trust "${ID[$j]}" --label "node$j" --name "node$j" --dir "$(keys_of "$i")" >/dev/null
    done
    {
      echo 'mesh = "demo"'
      echo "names = [\"node$i\"]"
      ((i == 1)) || echo "seeds = [\"${ID[1]}@192.0.2.1:51820\"]"
    } >"$(keys_of "$i")/$(mesh_of "$i").toml"
  done
}

# nsenter: with the machine's bpffs, from which a node takes up what it had pinned before it died.
start_node() { # N
  nsenter "--net=/run/netns/$RUN-$1" "$BINARY" up --foreground --dir "$(keys_of "$1")" --attach u0,mode=native,rx=xdp \
    --log-level error "$(mesh_of "$1")" >>"$TMP/node$1.log" 2>&1 &
  PID_OF[$1]=$!
  PIDS+=("${PID_OF[$1]}")
}

# all_say NUMBER STATE NODE...: each of these nodes has so many members in that state.
all_say() {
  local node
  for node in "${@:3}"; do
    mesh_figure_is "$node" "[.mesh.members[] | select(.state == \"$2\")] | length" "$1" || return 1
  done
}

# Waits for it, and says how long that took.
await() { # TEXT COMMAND...
  local since=$EPOCHREALTIME
  wait_until "${@:2}" || show_logs
  awk -v text="$1" -v from="$since" -v to="$EPOCHREALTIME" 'BEGIN { printf "%-54s %5.1f s\n", text, to - from }'
}
show_logs() {
  tail -n 20 "$TMP"/node?.log >&2
  exit 1
}

move_data() { # FROM TO
  printf '%-54s %5.2f Gbit/s\n' "node$1 to node$2, one TCP stream of $SECONDS_MESH s" \
    "$(tcp "$RUN-$1" "$RUN-$2" "$(mesh_address "$2")" "$SECONDS_MESH")"
}
reaches() { in_ns "$RUN-$1" ping -n -q -c 3 -i 0.05 -w 15 "$(mesh_address "$2")" >/dev/null; }

act_mesh() {
  local i address
  say "act 2, a mesh: three hosts on a bridge"
  three_hosts
  introduce
  printf '\nthree nodes, which trust each other; node1 is the seed; XDP attached to each\n'
  for ((i = 1; i <= NODES; i++)); do start_node "$i"; done
  await "formed: each sees the two others" all_say 2 alive 1 2 3
  say "data between each pair, all by the mesh's own addresses"
  reaches 1 2 && reaches 2 3 && reaches 3 1
  move_data 1 3
  printf '%-54s %5d\n' "of them by XDP to AF_XDP on node3, packets" \
    "$(mesh_figure 3 '[.interfaces[].verdicts.redirect.packets] | add')"

  address=$(mesh_address 2)
  say "node2 is killed (SIGKILL)"
  disown "${PID_OF[2]}"
  kill -KILL "${PID_OF[2]}"
  await "node2 killed: the two others hold it dead" all_say 1 dead 1 3
  reaches 1 3
  move_data 1 3
  say "node2 is started again"
  start_node 2
  await "node2 started again: healed, each sees two alive" all_say 2 alive 1 2 3
  [[ $(mesh_address 2) == "$address" ]] || die "node2 has another address than before"
  reaches 1 2 && reaches 3 2
  printf '%-54s %s\n' "node2 answers at the address that it had" "$address"
  printf '%-54s %s\n' "node2 adopted the XDP program that was left on u0" \
    "$(mesh_figure 2 '.interfaces[0].program.adopted')"

  printf '\nxdp-mesh status, as node1 sees it:\n'
  nsenter "--net=/run/netns/$RUN-1" "$BINARY" status "$(mesh_of 1)"
}
