#!/usr/bin/env bash
# Every source file is as clang-format would write it. Mend with: tests/style/format.sh -i
set -euo pipefail
cd "$(dirname "$0")/../.."
mode=(--dry-run -Werror)
[ "${1:-}" = -i ] && mode=(-i)
find agent bpf include loader tests \( -name '*.[ch]pp' -o -name '*.[ch]' \) -print0 |
  xargs -0 -r -n 16 -P "$(nproc)" clang-format "${mode[@]}"
