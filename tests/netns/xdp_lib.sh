# shellcheck shell=bash
# What the tests of the XDP side share. Sourced by the xdp_*.sh scripts after lib.sh.
#
# Their agents have the machine's bpffs, as outside of tests: pins outlive an agent that is killed.
# Where the machine has none, the script gets a mount namespace with one.

if ((EUID == 0)) && [[ $(stat -f -c %T /sys/fs/bpf 2>/dev/null) != bpf_fs ]]; then
  # shellcheck disable=SC2093
  exec unshare --mount -- sh -c 'mount -t bpf bpf /sys/fs/bpf && exec "$@"' sh "$0" "$@"
fi
# shellcheck disable=SC2034 # lib.sh
MACHINE_SYS=1

PINS=/sys/fs/bpf/xdp-mesh
# shellcheck disable=SC2034 # the scripts
NATIVE=(--mode native --rx xdp)

setup_xdp() { setup bpftool jq nsenter "$@"; }

inode() { stat -Lc %i "/run/netns/$1"; }
# pins_of HOST DEVICE: the folder of the maps while an agent of the host holds the device.
pins_of() { echo "$PINS/$2@$(inode "$1")"; }

# Called by lib.sh when everything is removed. Inodes of namespaces are used again.
forget_pins() {
  local ns id
  for ns in "${NAMESPACES[@]}"; do
    id=$(inode "$ns" 2>/dev/null) || continue
    rm -rf "$PINS"/*@"$id" /run/xdp-mesh/*@"$id".*
  done
  rmdir "$PINS" 2>/dev/null
}

# in_net HOST COMMAND...: with the machine's /sys, unlike in_ns.
in_net() { nsenter "--net=/run/netns/$1" "${@:2}"; }

# ours HOST COMMAND...: xdp-mesh's commands about interfaces.
ours() { in_net "$1" "$UNDER_TEST" "${@:2}"; }

# refuses STATUS WORDS COMMAND...: it fails in that way.
refuses() {
  local wanted=$1 words=$2 status=0
  shift 2
  "$@" >"$TMP/refused" 2>&1 || status=$?
  cat "$TMP/refused"
  ((status == wanted)) && grep -qF -- "$words" "$TMP/refused"
}

# shows WORDS COMMAND...: it succeeds and prints them.
shows() {
  "${@:2}" >"$TMP/shown" 2>&1 || return 1
  cat "$TMP/shown"
  grep -qF -- "$1" "$TMP/shown"
}

# ---- what an agent says of itself -----------------------------------------------------------------

# figure HOST INTERFACE JQ-EXPRESSION: of its status.
figure() { ours "$1" status --json "$2" | jq -r "$3"; }
figure_is() {
  local now
  now=$(figure "$1" "$2" "$3")
  printf '%s is %s, expected %s\n' "$3" "$now" "$4"
  [[ $now == "$4" ]]
}
verdict() { figure "$1" "$2" ".interfaces[0].verdicts.$3.packets"; }
# verdict_above HOST INTERFACE NAME NUMBER
verdict_above() {
  local now
  now=$(verdict "$1" "$2" "$3")
  printf '%s is %s, expected more than %s\n' "$3" "$now" "$4"
  ((now > $4))
}
dropped() { figure "$1" "$2" ".drops.$3"; }
dropped_above() { (($(dropped "$1" "$2" "$3") > $4)); }

receives_by() { # HOST INTERFACE PATH
  figure_is "$1" "$2" '.peers[0].receive_path' "$3"
}

# Every chunk is in a ring, or in the worker's hands, which gives them back by the batch.
chunks_are_conserved() { # HOST INTERFACE
  local queues
  queues=$(figure "$1" "$2" '.interfaces[0].queues[] | select(.mode != "none") |
    [.chunks, .fill_ring.level + .rx_ring.level, .counts.rx_invalid_descs] | @tsv')
  printf 'chunks, in the rings, invalid:\n%s\n' "$queues"
  [[ $queues ]] && awk '$2 > $1 || $2 < $1 - 64 || $3 != 0 { bad = 1 } END { exit bad }' <<<"$queues"
}

# ---- what the kernel has of us --------------------------------------------------------------------

# verdict_number NAME: its place in xm_stats.
verdict_number() {
  awk -v name="$1" '/define XM_VERDICTS/ { on = 1; next } /clang-format on/ { on = 0 }
    on && match($0, /X\([a-z0-9_]+,/) {
      if (substr($0, RSTART + 2, RLENGTH - 3) == name) print n + 0
      n++
    }' "$ROOT/include/xdpmesh/drop.h"
}

# pinned_verdict HOST DEVICE NAME: without asking the agent, which may be dead.
pinned_verdict() {
  bpftool -j map lookup pinned "$(pins_of "$1" "$2")/xm_stats" \
    key "$(verdict_number "$3")" 0 0 0 | jq '[.formatted.values[].value.packets] | add'
}
pinned_above() { (($(pinned_verdict "$1" "$2" "$3") > $4)); }

# remember_objects HOST DEVICE: the ids of what the program on it is made of.
remember_objects() {
  local program
  program=$(in_net "$1" ip -j -d link show "$2" | jq '.[0].xdp.prog.id // empty')
  [[ $program ]] || return 1
  echo "prog $program" >>"$TMP/objects"
  bpftool -j prog show id "$program" | jq -r '.map_ids[] | "map \(.)"' >>"$TMP/objects"
  bpftool -j link show |
    jq -r ".[] | select(.prog_id == $program) | \"link \(.id)\"" >>"$TMP/objects"
}

# True when none of them exists any more.
objects_are_gone() {
  local kind id
  sort -u "$TMP/objects" >"$TMP/objects.once"
  while read -r kind id; do
    if bpftool "$kind" show id "$id" >/dev/null 2>&1; then
      echo "$kind $id is still there"
      return 1
    fi
  done <"$TMP/objects.once"
}

# nothing_is_left HOST DEVICE
nothing_is_left() {
  local left
  left=$(find "$PINS" /run/xdp-mesh \( -name "$2@$(inode "$1")" -o -name "attach-*@$(inode "$1").lock" \) \
    2>/dev/null || true)
  [[ -z $left ]] || { echo "left: $left" && return 1; }
  not runs_a_program "$1" "$2" || return 1
  [[ ! -e $TMP/objects ]] || wait_for 10 objects_are_gone
}

# program_on HOST DEVICE: the id of what runs there, of whomever it is; empty: nothing.
program_on() { in_net "$1" ip -j -d link show "$2" | jq -r '.[0].xdp.prog.id // empty'; }
runs_a_program() { [[ $(program_on "$1" "$2") ]]; }
