#!/usr/bin/env bash
# Attaching on Debian's kernel, which has what the newest development kernel refuses: libxdp's
# dispatcher. The loader's unit tests; none of the dispatcher's may be skipped. Runs in the guest:
# tests/guest/launch THIS [BINARY] (default build/release/xm_unit_tests_loader).
set -euo pipefail

if [ -z "${XDPMESH_GUEST:-}" ]; then
  echo "skipped: runs in the guest only: tests/guest/launch $0"
  exit 77
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=${1:-$root/build/release/xm_unit_tests_loader}
[ -x "$tests" ] || { echo "FAIL there is no $tests: build it"; exit 1; }
modprobe -a veth 8021q
"$tests" | tee /run/loader.out
# The only case that needs a kernel without the dispatcher.
if grep '^skipped: ' /run/loader.out | grep -v 'this kernel lets programs be put into others'; then
  echo "FAIL this kernel has all that the loader uses: no other test of it may be skipped"
  exit 1
fi
