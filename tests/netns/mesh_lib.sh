# shellcheck shell=bash
# What the tests of the mesh share. Sourced by the mesh_*.sh scripts after lib.sh and xdp_lib.sh.
#
# Nodes are numbered from 1. Each is a host of its own at one switch:
#
#     $RUN-1                $RUN-2                $RUN-3        u0: 192.0.2.N/24 for IPv4,
#       u0                    u0                    u0              2001:db8::N/64 for IPv6
#       |                     |                     |
#       p1---------br0--------p2---------br0--------p3          all in $SWITCH
#
# Node N has the interface ${RUN}wN, the directory $TMP/N with keys, trust and configuration, and the
# name nodeN where that is granted. What it is started with is its own; what it says goes to
# $TMP/${RUN}wN.log.

SWITCH="$RUN-s"
MESH_PORT=51820
# Nodes of the mesh learn of what happens by timers of theirs: seconds until it must have happened.
# shellcheck disable=SC2034 # the scripts
SOON=20
declare -A ID=() FAMILIES=()

host() { echo "$RUN-$1"; }
tunnel_of() { echo "${RUN}w$1"; }
file_of() { echo "$TMP/$1/$(tunnel_of "$1").toml"; }
mesh_tool() { "$PYTHON" "$HERE/mesh.py" "$@"; }
mesh_tool_in() { in_ns "$(host "$1")" "$PYTHON" "$HERE/mesh.py" "${@:2}"; }

setup_mesh() { setup_xdp nft "$@"; }

# ---- hosts --------------------------------------------------------------------------------------

# mesh_hosts FAMILIES...: host N for the N-th word: 4, 6 or 46.
mesh_hosts() {
  local number=0 families
  add_host "$SWITCH"
  ip -n "$SWITCH" link add br0 type bridge
  ip -n "$SWITCH" link set br0 up
  for families; do
    number=$((number + 1))
    add_host "$(host $number)"
    plug_in "$number"
    give_addresses "$number" "$families"
  done
}

plug_in() { # NODE
  join "$(host "$1")" u0 "$SWITCH" "p$1"
  ip -n "$SWITCH" link set "p$1" master br0
}

give_addresses() { # NODE FAMILIES
  FAMILIES[$1]=$2
  ip -n "$(host "$1")" addr flush dev u0
  [[ $2 != *4* ]] || address "$(host "$1")" u0 "192.0.2.$1/24"
  [[ $2 != *6* ]] || address "$(host "$1")" u0 "2001:db8::$1/64"
}

# part NODE...: these hear each other only, and the rest each other only.
part() {
  local ports
  ports=$(printf '"p%s", ' "$@")
  in_ns "$SWITCH" nft -f - <<NFT
table bridge parted {
  chain across {
    type filter hook forward priority 0;
    iifname { ${ports%, } } oifname != { ${ports%, } } drop
    iifname != { ${ports%, } } oifname { ${ports%, } } drop
  }
}
NFT
}
heal() { in_ns "$SWITCH" nft delete table bridge parted; }

# ---- identities, trust, configuration --------------------------------------------------------------

# make_nodes NODE...: a directory and an identity each.
make_nodes() {
  local node
  for node; do
    mkdir -m 700 "$TMP/$node"
    ID[$node]=$("$UNDER_TEST" keygen --dir "$TMP/$node")
  done
}

# trust TRUSTING TRUSTED [OPTION...]
trust() {
  "$UNDER_TEST" trust "${ID[$2]}" --dir "$TMP/$1" --label "node$2" --name "node$2" "${@:3}" >/dev/null
}

distrust() { "$UNDER_TEST" revoke "${ID[$2]}" --dir "$TMP/$1" >/dev/null; } # DISTRUSTING DISTRUSTED

# trust_each_other NODE...: as one command a pair would do, but those write to the disk and wait for it.
trust_each_other() {
  local node
  mkdir -p "$TMP/0"
  for node; do trust 0 "$node"; done
  for node; do
    mkdir -p "$TMP/$node/authorized_keys"
    cp "$TMP"/0/authorized_keys/* "$TMP/$node/authorized_keys"
    rm "$TMP/$node/authorized_keys/${ID[$node]}"
  done
  rm -r "$TMP/0"
}

# seed NODE: where it is reached, as TOML; of both families if it has both.
seed() {
  local places=()
  [[ ${FAMILIES[$1]} != *4* ]] || places+=("\"${ID[$1]}@192.0.2.$1:$MESH_PORT\"")
  [[ ${FAMILIES[$1]} != *6* ]] || places+=("\"${ID[$1]}@[2001:db8::$1]:$MESH_PORT\"")
  (IFS=, && echo "${places[*]}")
}

# configure NODE SEEDS [LINE...]: SEEDS as TOML, apart by commas; the lines come after the general keys.
configure() {
  {
    printf 'mesh = "lab"\nnames = ["node%s"]\nseeds = [%s]\n' "$1" "$2"
    (($# == 2)) || printf '%s\n' "${@:3}"
  } >"$(file_of "$1").new"
  mv "$(file_of "$1").new" "$(file_of "$1")"
}

# ---- nodes -----------------------------------------------------------------------------------------

up() { # NODE [OPTION...]
  launch "$@"
  await_wg "$(tunnel_of "$1")"
}
launch() {
  launch_wg "$(host "$1")" "$(tunnel_of "$1")" "$UNDER_TEST" up --dir "$TMP/$1" --workers 1 "${@:2}"
}

# ups NODE...: all at once.
ups() {
  local node
  for node; do launch "$node"; done
  for node; do await_wg "$(tunnel_of "$node")"; done
}

down() { stop_wg "$(tunnel_of "$1")" "${2:-TERM}"; } # NODE [SIGNAL]
pid_of() { echo "${WG_PID[$(tunnel_of "$1")]}"; }

# says NODE JQ-EXPRESSION: of what the node says of its mesh.
says() { ours "$(host "$1")" status --json "$(tunnel_of "$1")" | jq -r ".mesh | $2"; }

# finds NODE JQ-EXPRESSION WANTED
finds() {
  local now
  now=$(says "$1" "$2")
  printf 'node %s: %s is %s, expected %s\n' "$1" "$2" "$now" "$3"
  [[ $now == "$3" ]]
}

# of_member NODE MEMBER JQ-EXPRESSION
of_member() { says "$1" ".members[] | select(.identity == \"${ID[$2]}\") | $3"; }
member_is() { # NODE MEMBER JQ-EXPRESSION WANTED
  local now
  now=$(of_member "$1" "$2" "$3")
  printf 'node %s of %s: %s is %s, expected %s\n' "$1" "$2" "$3" "$now" "$4"
  [[ $now == "$4" ]]
}
is_alive() { member_is "$1" "$2" .state alive; }
is_dead() { member_is "$1" "$2" .state dead; }
is_gone() { finds "$1" "[.members[] | select(.identity == \"${ID[$2]}\")] | length" 0; }

# alive_at NODE COUNT: so many others live, and it has a session with each.
alive_at() {
  finds "$1" '[.members[] | select(.state == "alive" and .reach == "direct")] | length' "$2"
}

# all_see_each_other NODE...
all_see_each_other() {
  local node
  for node; do alive_at "$node" $(($# - 1)) || return 1; done
}

# sees_directly NODE MEMBER...: it has a session with each of these.
sees_directly() {
  local node=$1 member
  shift
  for member; do member_is "$node" "$member" .reach direct || return 1; done
}

# counter NODE NAME
counter() { says "$1" ".counters.$2"; }

# inner NODE [4|6]: its address in the mesh.
inner() {
  if [[ ${2:-4} == 4 ]]; then
    says "$1" '[.addresses[] | select(contains(":") | not)][0]'
  else
    says "$1" '[.addresses[] | select(contains(":"))][0]'
  fi
}

# ---- traffic ---------------------------------------------------------------------------------------

# start_mirrors NODE...: a TCP service in each that sends back what comes.
start_mirrors() {
  local node
  for node; do
    in_background "$(host "$node")" "$PYTHON" "$HERE/mesh.py" mirror 6000
    wait_for 10 tcp_listens "$node"
  done
}
tcp_listens() { [[ $(in_ns "$(host "$1")" ss -Hltn sport = :6000) ]]; }

# everybody_talks FAMILY NODE...: each sends to every other's mirror, by its inner address, and has back
# byte for byte what it sent.
everybody_talks() {
  local family=$1 node pids=() pid status=0
  local -A at=()
  shift
  for node; do at[$node]=$(inner "$node" "$family"); done
  for node; do
    # shellcheck disable=SC2046 # words
    mesh_tool_in "$node" exchange 6000 $(for other; do
      ((other == node)) || echo "${at[$other]}"
    done) &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  return $status
}

reaches() { ping_ok "$(host "$1")" "$(inner "$2")"; } # NODE NODE
does_not_reach() { ping_lost "$(host "$1")" "$3"; } # NODE NODE ADDRESS
