#!/usr/bin/env bash
# `xdp-mesh bench receive`: a round of every load by both ways, and that nothing is left behind,
# also when it is interrupted. Figures are looked at for being there, not for what they are.
source "$(dirname "$0")/lib.sh"

setup jq pgrep
[[ $(nproc) -ge 2 ]] || skip "one processor: the bench needs two"

traces() { # what a run could leave in the file system
  ls -d /run/xdp-mesh/u0* /run/xdp-mesh/bpf /sys/fs/bpf/xdp-mesh/u0* 2>/dev/null || true
}
BEFORE=$(traces)

"$UNDER_TEST" bench receive --rounds 1 --milliseconds 100 --json "$TMP/json" \
  >"$TMP/out" 2>"$TMP/err" || {
  if grep -q "PID namespace" "$TMP/err"; then skip "$(cat "$TMP/err")"; fi
  fail "bench receive: $(cat "$TMP/err")"
}
# Five loads over veth with GRO off and on, and the two floods without veth, where the kernel can.
WANTED=12
[[ $(jq -r .no_frames "$TMP/json") == "" ]] || WANTED=10
[[ $(jq '.rows | length' "$TMP/json") == "$WANTED" ]] || fail "not every load was measured: $(cat "$TMP/json")"
jq -e '.bench == "receive" and .rounds == 1 and
  all(.rows[]; .socket.cpu_nanoseconds_per_packet.median > 0 and
               .af_xdp.cpu_nanoseconds_per_packet.median > 0) and
  all(.rows[] | select(.dropped_unseen_nanoseconds_per_packet == null);
      .socket.delivered_per_second.median > 0 and .af_xdp.delivered_per_second.median > 0) and
  all(.rows[] | select(.load == "unknown_index" or .load == "wrong_mac1");
      .dropped_unseen_nanoseconds_per_packet.median > 0 and .socket.delivered_per_second.median == 0 and .af_xdp.delivered_per_second.median == 0)' \
  "$TMP/json" >/dev/null || fail "a figure is missing: $(cat "$TMP/json")"
grep -q "saturated" "$TMP/out" || fail "no table: $(cat "$TMP/out")"
ok "every load is measured both ways, with NAPI GRO off and on, floods without veth too"

"$UNDER_TEST" bench receive --rounds 100 >"$TMP/out" 2>"$TMP/err" &
BENCH=$!
BACKGROUND+=("$BENCH")
sleep 1
kill -INT "$BENCH"
code=0
wait "$BENCH" || code=$?
[[ $code == 130 ]] || fail "an interrupted bench ended with $code: $(cat "$TMP/err")"
grep -q interrupted "$TMP/out" || fail "an interrupted bench does not say so: $(cat "$TMP/out")"
ok "interrupted it ends at once and says so"

[[ $(traces) == "$BEFORE" ]] || fail "left behind: $(traces)"
ok "nothing is left behind"
