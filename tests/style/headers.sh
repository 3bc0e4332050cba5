#!/usr/bin/env bash
# Every header compiles alone: it includes what it uses. A header that its own source file includes
# first is proven by the build; the others are compiled here.
#   headers.sh BUILD_DIR [COMPILER]
set -euo pipefail
build=${1:?usage: headers.sh BUILD_DIR [COMPILER]}
export build compiler=${2:-c++}
cd "$(dirname "$0")/../.."

compile_alone() {
  local header=$1 source=${1%.*}.cpp
  if [ -e "$source" ] && [ "$(grep -m 1 '^#include' "$source")" = "#include \"$header\"" ]; then
    return 0
  fi
  printf '#include "%s"\n' "$header" |
    "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Wshadow -Werror \
      -I. -Iinclude -I"$build/generated" -isystem "$build/bpf" -x c++ - ||
    { echo "$header does not compile alone"; return 1; }
}
export -f compile_alone
find include agent loader tests/support \( -name '*.hpp' -o -name '*.h' \) -print0 |
  xargs -0 -r -n 1 -P "$(nproc)" bash -c 'compile_alone "$1"' _
