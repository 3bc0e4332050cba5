#!/usr/bin/env bash
# man.sh BINARY: the manual page is well-formed and knows every option and command that the binary's help
# names.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/man/xdp-mesh.8
command -v mandoc >/dev/null || {
  echo "skipped: mandoc is not installed (tools/deps installs it)"
  exit 0
}
mandoc -Tlint -W warning "$page"
text=$(mandoc -Tascii "$page" | col -b)
status=0
for word in $("$1" --help | grep -oE -- '--[a-z][a-z-]+|^  [a-z]+ ' | tr -d ' ' | sort -u); do
  [[ $word != --help && $word != --version ]] || continue
  grep -qF -- "$word" <<<"$text" || {
    echo "$page: expected to find $word, which --help names"
    status=1
  }
done
exit $status
