#!/usr/bin/env bash
# io_uring on Debian's kernel, which has less of it than the newest: the unit tests that use a ring. Runs in
# the guest: tests/guest/launch THIS.
set -euo pipefail

if [ -z "${XDPMESH_GUEST:-}" ]; then
  echo "skipped: runs in the guest only: tests/guest/launch $0"
  exit 77
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
for folder in io node; do
  tests=$root/build/release/xm_unit_tests_$folder
  [ -x "$tests" ] || { echo "FAIL there is no $tests: build it"; exit 1; }
  "$tests" --test-case='io_uring*,the choice of I/O*,threads: the port changes*'
done | tee /run/io_uring.out
# What newer kernels have and this one lacks is named by its version.
if grep '^skipped: ' /run/io_uring.out | grep -v '(expected Linux '; then
  echo "FAIL this kernel has io_uring: no test of it may be skipped"
  exit 1
fi
