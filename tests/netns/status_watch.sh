#!/usr/bin/env bash
# `status --watch` in a terminal and in a pipe, `status --json` against its schema, and the commands
# about interfaces as a person meets them.
source "$(dirname "$0")/lib.sh"

setup jq
two_hosts
start_wg "$A" "$WA" "$UNDER_TEST" --control-group 54321
start_wg "$B" "$WB" "$UNDER_TEST"
configure_pair 4
check "a tunnel" ping_ok "$A" 10.77.0.2

socket=$(echo "/run/xdp-mesh/$WA"*.sock)
ours() { in_ns "$A" "$UNDER_TEST" "$@"; }

# ---- the control socket and the schema ----------------------------------------------------------
check "--control-group: mode 0660 and the group" \
  test "$(stat -c '%a %g' "$socket")" = "660 54321"
ours status "$WA" --json >"$TMP/status.json"
set +e
"$PYTHON" "$ROOT/tests/support/check_status_schema.py" "$ROOT/docs/status-schema.json" \
  "$TMP/status.json" >"$TMP/schema.out" 2>&1
status=$?
set -e
if ((status == 77)); then
  note "$(cat "$TMP/schema.out"): the schema was not looked at"
else
  check "status --json is what its schema says" test "$status" -eq 0
fi

# ---- in a pipe ----------------------------------------------------------------------------------
has_lines() { (($(wc -l <"$1") >= $2)); }
ended_soon() { wait_for 10 ended "$1"; }

in_background "$A" "$UNDER_TEST" status "$WA" --json --watch >"$TMP/watch.json"
check "--json --watch: a line a second" wait_for 20 has_lines "$TMP/watch.json" 3
kill "$LAST_PID"
check "and ends by a signal" ended_soon "$LAST_PID"
check "each line is a status" jq -es 'all(.schema_version == 1)' "$TMP/watch.json"
in_background "$A" "$UNDER_TEST" status "$WA" --watch >"$TMP/watch.txt"
several_times() { (($(grep -c '^--- [0-9:]*$' "$TMP/watch.txt") >= 2)); }
check "--watch in a pipe: the text again and again" wait_for 20 several_times
kill "$LAST_PID"
check "and ends by a signal" ended_soon "$LAST_PID"

# ---- in a terminal ------------------------------------------------------------------------------
# watch_in_terminal HOW: what the program wrote to a terminal of 10 rows, which becomes one of 5 and
# 40 columns; HOW ends it: key or signal. Prints the exit status and whether the keys' settings came back.
watch_in_terminal() {
  in_ns "$A" "$PYTHON" - "$1" "$TMP/screen" "$UNDER_TEST" status "$WA" --watch <<'PYTHON'
import fcntl, os, pty, select, signal, struct, sys, termios, time

how, screen, *command = sys.argv[1:]
main, side = pty.openpty()
fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 80, 0, 0))
before = termios.tcgetattr(side)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(side, termios.TIOCSCTTY, 0)
    for standard in range(3):
        os.dup2(side, standard)
    os.execv(command[0], command)
written = b""

def read_until(what, limit=20):
    global written
    end = time.monotonic() + limit
    start = len(written)
    while time.monotonic() < end:
        if select.select([main], [], [], 0.1)[0]:
            written += os.read(main, 65536)
        if what in written[start:]:
            return True
    print("never wrote", what)
    return False

good = read_until(b"more lines")
fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 40, 0, 0))
os.kill(child, signal.SIGWINCH)
before_resize = len(written)
good = read_until(b"more lines") and good
last = written[before_resize:].split(b"\x1b[H")[-1]
print("rows after the resize:", last.count(b"\r\n") + 1)
good = good and last.count(b"\r\n") + 1 == 5
if how == "key":
    os.write(main, b"q")
else:
    os.kill(child, signal.SIGTERM)
good = read_until(b"\x1b[?1049l") and good
_, status = os.waitpid(child, 0)
wanted = 0 if how == "key" else signal.SIGTERM
print("wait status", status, "expected", wanted)
good = good and status == wanted
good = good and termios.tcgetattr(side) == before
good = good and written.startswith(b"\x1b[?1049h\x1b[?25l")
with open(screen, "wb") as file:
    file.write(written)
sys.exit(0 if good else 1)
PYTHON
}
check "--watch in a terminal: fits it, resizes, ends by q" watch_in_terminal key
check "--watch in a terminal: SIGTERM restores the screen" watch_in_terminal signal

# ---- attach, detach, doctor ---------------------------------------------------------------------
refuses() { # STATUS WORDS COMMAND...
  local wanted=$1 words=$2 status=0
  shift 2
  "$@" >"$TMP/refused" 2>&1 || status=$?
  cat "$TMP/refused"
  ((status == wanted)) && grep -qF -- "$words" "$TMP/refused"
}
check "attach: no such interface" refuses 1 nosuch0 ours attach nosuch0
check "attach: a wrong option is exit 2" refuses 2 "expected auto, native or generic" \
  ours attach u0 --mode fast
check "attach --list" ours attach --list
check "detach: nobody holds it" refuses 1 u0 ours detach u0
examined() { ours doctor u0 | tee /dev/stderr | grep -q xdpdump; }
check "doctor: an interface, and what is bypassed" examined
second=${RUN}c
start_wg "$A" "$second" "$UNDER_TEST"
check "attach: of two agents one is to be named" refuses 1 "expected --to with one of" ours attach u0
stop_wg "$second"
stop_wg "$WA"
check "attach: with no agent it says how to start one" refuses 1 "start one" ours attach u0
