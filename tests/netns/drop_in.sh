#!/usr/bin/env bash
# Started the way wireguard-go is: into the background or not, with descriptors handed over, with
# its environment variables; and what wrong use says.
source "$(dirname "$0")/lib.sh"

setup setpriv
two_hosts
genkeys a b

# Everything in A that is not started by start_wg is a daemon of this test.
daemon_pid() { ip netns pids "$A"; }
end_daemon() {
  local pid
  for pid in $(daemon_pid); do kill "$pid"; done
  wait_for 10 no_daemon
}
no_daemon() { [[ ! $(daemon_pid) ]]; }
start_daemon() {
  LOG_LEVEL=error in_ns "$A" timeout 20 "$UNDER_TEST" "$WA" </dev/null >"$TMP/started" 2>"$TMP/$WA.log"
}

# ---- into the background
starts_and_answers() {
  start_daemon
  wg show "$WA" >/dev/null
}
for _ in {1..10}; do
  starts_and_answers
  end_daemon
done
ok "ten starts: each returns with the configuration socket answering"
check "once more" starts_and_answers
detached() {
  local pid stat
  pid=$(daemon_pid)
  read -r stat <"/proc/$pid/stat"
  read -r _ parent _ session _ <<<"${stat##*)}"
  printf 'pid %s parent %s session %s\n' "$pid" "$parent" "$session"
  ((parent != $$ && session != $$))
}
keeps_no_pipe() { [[ $(readlink "/proc/$(daemon_pid)/fd/1") != "$TMP/started" ]]; }
check "the process is neither a child nor of the session of the caller" detached
check "it does not keep the caller's standard output open" keeps_no_pipe
check "a second start for the same interface is refused" not start_daemon
check "the first one still answers" wg show "$WA"
check "it ends on SIGTERM" end_daemon
check "and removes its socket" not test -e "$UAPI_DIR/$WA.sock"

# ---- in the foreground
stays() { kill -0 "${WG_PID[$1]}"; }
start_wg "$A" "$WA" "$UNDER_TEST"
check "WG_PROCESS_FOREGROUND=1 stays in the foreground" stays "$WA"
stop_wg "$WA"
for option in -f --foreground; do
  ip netns exec "$A" "$UNDER_TEST" "$option" "$WA" >"$TMP/$WA.log" 2>&1 &
  WG_PID["$WA"]=$!
  wait_for 20 ready_or_ended "${WG_PID[$WA]}" "$WA"
  check "$option stays in the foreground" stays "$WA"
  stop_wg "$WA"
done

# ---- LOG_LEVEL
lines_at() {
  : >"$TMP/$WA.log"
  : >"$TMP/$WB.log"
  LOG_LEVEL=$1 tunnel "$UNDER_TEST" "$UNDER_TEST"
  ping_ok "$A" 10.77.0.2 >/dev/null
  stop_tunnel
  cat "$TMP/$WA.log" "$TMP/$WB.log" >"$TMP/$1.txt"
  wc -l <"$TMP/$1.txt"
}
silent=$(lines_at silent)
error=$(lines_at error)
verbose=$(lines_at verbose)
note "lines of log: silent $silent, error $error, verbose $verbose"
check "LOG_LEVEL=silent says nothing" test "$silent" -eq 0
check "LOG_LEVEL=verbose says more than LOG_LEVEL=error" test "$verbose" -gt "$error"
hex() { base64 -d <<<"$1" | od -An -vtx1 | tr -d ' \n'; }
no_key_in_log() {
  local secret
  for secret in "$(<"$TMP/a.key")" "$(<"$TMP/b.key")"; do
    ! grep -e "$secret" -e "$(hex "$secret")" "$TMP/verbose.txt" || return 1
  done
}
check "no private key is in the log" no_key_in_log

# ---- descriptors
start_with_fds() { # OPTION...
  ip netns exec "$A" env WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error \
    "$PYTHON" "$HERE/traffic.py" run-with-fds "$@" "$UNDER_TEST" "$WA" >"$TMP/$WA.log" 2>&1 &
  WG_PID["$WA"]=$!
  wait_for 20 ready_or_ended "${WG_PID[$WA]}" "$WA" || fail "no socket with $*"
  ended "${WG_PID[$WA]}" && fail "ended at its start with $*"
  start_wg "$B" "$WB" "$UNDER_TEST"
  configure_pair 4
}
for options in "--tun $WA" "--tun $WA --vnet-hdr" "--uapi $UAPI_DIR/$WA.sock" \
  "--tun $WA --uapi $UAPI_DIR/$WA.sock"; do
  # shellcheck disable=SC2086
  start_with_fds $options
  what=$(sed "s|--tun $WA|WG_TUN_FD|; s|--vnet-hdr|with offloads|; s|--uapi .*|WG_UAPI_FD|" \
    <<<"$options")
  check "$what: the tunnel works" ping_ok "$A" 10.77.0.2
  check "$what: TCP both ways" bulk_both fd77::1 fd77::2
  check "$what: wg show" wg show "$WA" dump
  stop_tunnel
  rm -f "$UAPI_DIR/$WA.sock"
done
"$PYTHON" "$HERE/traffic.py" run-with-fds --tun "$WA" true # leaves no device behind
refuses() { # WORD-IN-MESSAGE COMMAND...; exit status 1 or 2, a message on stderr, nothing on stdout
  local word=$1 status=0
  shift
  in_ns "$A" timeout 10 "$@" >"$TMP/stdout" 2>"$TMP/stderr" </dev/null || status=$?
  printf 'exit status %d, stderr:\n' "$status"
  cat "$TMP/stderr"
  ((status == 1 || status == 2)) && [[ ! -s $TMP/stdout ]] && grep -qi -- "$word" "$TMP/stderr"
}
check "WG_TUN_FD that is no number is refused" refuses . env WG_TUN_FD=x "$UNDER_TEST" -f "$WA"
check "WG_TUN_FD that is not open is refused" refuses . env WG_TUN_FD=99 "$UNDER_TEST" -f "$WA"
check "WG_TUN_FD that is no TUN device is refused" refuses . env WG_TUN_FD=0 "$UNDER_TEST" -f "$WA"
check "WG_UAPI_FD that is not open is refused" refuses . env WG_UAPI_FD=99 "$UNDER_TEST" -f "$WA"

# ---- wrong use and help
check "no interface: refused" refuses interface "$UNDER_TEST"
check "two interfaces: refused" refuses . "$UNDER_TEST" "$WA" "$WB"
check "an unknown option: refused" refuses . "$UNDER_TEST" --nonsense "$WA"
check "a name that is too long: refused" refuses . "$UNDER_TEST" -f abcdefghijklmnop
check "a name with a slash: refused" refuses . "$UNDER_TEST" -f ../etc
check "an empty name: refused" refuses . "$UNDER_TEST" -f ''
check "a name that is taken by another device: refused" refuses . "$UNDER_TEST" -f u0
check "the same into the background" refuses . "$UNDER_TEST" u0
check "without CAP_NET_ADMIN: refused" refuses . \
  setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$UNDER_TEST" -f "$WA"
check "nothing is left of the refused" bash -c \
  "! ls $UAPI_DIR | grep '^$RUN' && ! ip netns pids $A | grep ."

prints() { # WORD ARGUMENT...; on stdout, exit status 0, nothing on stderr
  local word=$1
  shift
  in_ns "$A" timeout 10 "$UNDER_TEST" "$@" >"$TMP/stdout" 2>"$TMP/stderr"
  cat "$TMP/stdout" "$TMP/stderr"
  grep -q -- "$word" "$TMP/stdout" && [[ ! -s $TMP/stderr ]]
}
check "--version" prints '[0-9]\.[0-9]' --version
check "--help" prints foreground --help
completes() {
  in_ns "$A" timeout 10 "$UNDER_TEST" completion "$1" >"$TMP/completion.$1"
  [[ -s $TMP/completion.$1 ]]
  if command -v "$1" >/dev/null; then "$1" -n "$TMP/completion.$1"; fi
}
for shell in bash zsh fish; do
  check "completion $shell is accepted by that shell, where installed" completes "$shell"
done
check "completion for another shell: refused" refuses . "$UNDER_TEST" completion tcsh

# ---- threads, and over lo
for threads in 1 3; do
  WG_THREADS=$threads tunnel "$UNDER_TEST" "$UNDER_TEST"
  check "WG_THREADS=$threads: ping" ping_ok "$A" 10.77.0.2
  check "WG_THREADS=$threads: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
  stop_tunnel
done
start_wg "$A" "$WA" "$UNDER_TEST"
start_wg "$A" "$WB" "$UNDER_TEST"
ip -n "$A" link set "$WB" netns "$B"
# shellcheck disable=SC2034 # read by configure_pair
PORT_B=51821
configure_pair 4
wg set "$WB" peer "${PUB[a]}" endpoint 127.0.0.1:51820
wg set "$WA" peer "${PUB[b]}" endpoint 127.0.0.1:51821
check "outer packets over lo: ping" ping_ok "$A" 10.77.0.2
check "outer packets over lo: TCP both ways" bulk_both 10.77.0.1 10.77.0.2
