#!/usr/bin/env bash
# Every kind of I/O with every engine, at both ends: what goes in comes out byte for byte. The
# combination that is the default is left to the other scripts. XM_FULL=1 also takes that one, each
# combination at one end with each at the other, and the data scripts of this folder with each.
source "$(dirname "$0")/lib.sh"

setup jq
two_hosts

# An agent's own words when it does not start with these options; nothing when it does.
refusal() {
  local pid
  ip netns exec "$A" env WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error \
    "$UNDER_TEST" "$@" "$WA" >"$TMP/refusal" 2>&1 &
  pid=$!
  wait_for 20 ready_or_ended "$pid" "$WA" || fail "an agent with $* never opened its socket"
  if ended "$pid"; then
    grep -m 1 . "$TMP/refusal" || fail "an agent with $* ended without a word"
  else
    kill "$pid"
  fi
  wait "$pid" 2>/dev/null || true
}

# starting_of OPTION NAME...: the names with which an agent starts, in STARTING. Only what the machine
# lacks is a reason for another to be left out.
starting_of() {
  local option=$1 name reason
  shift
  STARTING=()
  for name; do
    reason=$(refusal "$option" "$name")
    if [[ -z $reason ]]; then
      STARTING+=("$name")
    elif [[ $reason == *"cannot run here"* || $reason == *"cannot make an io_uring"* ]]; then
      note "left out: $option $name: $reason"
    else
      fail "$option $name: $reason"
    fi
  done
}

engines_of_agent() {
  "$UNDER_TEST" completion bash | sed -n "s/^ *local engines='\(.*\)'\$/\1/p"
}

# What an agent without options takes, as "KIND ENGINE"; two engines are no combination of these.
default_combination() {
  start_wg "$A" "$WA" "$UNDER_TEST"
  in_ns "$A" "$UNDER_TEST" status --json "$WA" |
    jq -r '.io.backend + " " + if .aead.small == .aead.large then .aead.small else "" end'
  stop_wg "$WA"
}

works_with() { # KIND ENGINE: status says that A is what was asked for
  in_ns "$A" "$UNDER_TEST" status --json "$WA" |
    jq -e --arg kind "$1" --arg engine "$2" '.io.backend == $kind and
      (.aead.small | startswith($engine)) and (.aead.large | startswith($engine))'
}

carries() { # OPTIONS-OF-A OPTIONS-OF-B NAME
  local -a at_a at_b
  read -ra at_a <<<"$1"
  read -ra at_b <<<"$2"
  start_wg "$A" "$WA" "$UNDER_TEST" --io "${at_a[0]}" --aead "${at_a[1]}"
  start_wg "$B" "$WB" "$UNDER_TEST" --io "${at_b[0]}" --aead "${at_b[1]}"
  configure_pair 4
  start_echo "$B" 7000
  local echo=$LAST_PID
  check "$3: A has it" works_with "${at_a[@]}"
  check "$3: pings of 60 KB" ping_ok "$A" 10.77.0.2 -s 60000
  check "$3: datagrams of every size from 8 to 1400 there and back" \
    traffic_in "$A" ping 10.77.0.2 7000 --count 1393 --size 8 --up-to 1400 --rate 3000
  check "$3: 50 MB each way at once" bulk_both fd77::1 fd77::2 50000000
  kill "$echo"
  wait_for 10 ended "$echo"
  stop_tunnel
}

read -ra engines <<<"$(engines_of_agent)"
((${#engines[@]})) || fail "the agent names no engines"
starting_of --aead "${engines[@]}"
engines=("${STARTING[@]}")
starting_of --io syscall uring
combinations=()
for kind in "${STARTING[@]}"; do
  for engine in "${engines[@]}"; do combinations+=("$kind $engine"); done
done
default=$(default_combination)
note "the default is $default"

for each in "${combinations[@]}"; do
  if [[ ${XM_FULL:-} || $default != "$each"* ]]; then carries "$each" "$each" "$each"; fi
done
[[ ${XM_FULL:-} ]] || exit 0

for at_a in "${combinations[@]}"; do
  for at_b in "${combinations[@]}"; do
    [[ $at_a == "$at_b" ]] || carries "$at_a" "$at_b" "$at_a at A, $at_b at B"
  done
done

# agent_with KIND ENGINE: an agent of that combination for the other scripts, as a program.
agent_with() {
  cat >"$TMP/agent" <<AGENT
#!/bin/sh
case \$1 in
  status | completion) exec '$UNDER_TEST' "\$@" ;;
esac
exec '$UNDER_TEST' --io $1 --aead $2 "\$@"
AGENT
  chmod +x "$TMP/agent"
}
script_passes() {
  local status=0
  XM_FULL='' XDP_MESH="$TMP/agent" bash "$HERE/$1.sh" || status=$?
  ((status == 0 || status == 77))
}
for each in "${combinations[@]}"; do
  read -r kind engine <<<"$each"
  agent_with "$kind" "$engine"
  for script in pair ecn interop_wireguard_go nat rekey roaming tun_full; do
    check "$each: $script" script_passes "$script"
  done
done
