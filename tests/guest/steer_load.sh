#!/usr/bin/env bash
# The XDP program on kernels that people have: it loads, and decides as its table, its oracle and
# mac1 say. Runs in the guest: tests/guest/launch THIS.
# Also on: linux-image-6.12-amd64
set -euo pipefail

if [ -z "${XDPMESH_GUEST:-}" ]; then
  echo "skipped: runs in the guest only: tests/guest/launch $0"
  exit 77
fi
cd "$(dirname "$0")/../.."
tests=
for candidate in build/{release/xm_bpf_tests,dev/xm_bpf_tests,dev/xm_unit_tests_bpf}; do
  [ -n "$tests" ] || [ ! -x "$candidate" ] || tests=$candidate
done
[ -n "$tests" ] || { echo "FAIL no build has xm_bpf_tests"; exit 1; }
uname -r
# Everything is emulated here: the oracle judges fewer packets.
XM_PACKETS=50000 $tests --source-file='*/tests/bpf/*' | tee /run/steer_load.out
if grep '^skipped: ' /run/steer_load.out; then
  echo "FAIL nothing of the program may be skipped on this kernel"
  exit 1
fi
