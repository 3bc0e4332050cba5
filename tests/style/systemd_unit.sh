#!/usr/bin/env bash
# systemd has nothing to say against the unit, and the check notices a misspelt option.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v systemd-analyze >/dev/null || {
  echo "skipped: systemd-analyze is not installed (tools/deps installs it)"
  exit 0
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The programs that the unit names need not be installed for this.
prepare() { # FILE FROM TO
  mkdir -p "$folder/$1/bin"
  ln -sf /bin/true "$folder/$1/bin/xdp-mesh"
  ln -sf /bin/true "$folder/$1/bin/configure"
  sed -e "s|/usr/bin/xdp-mesh|$folder/$1/bin/xdp-mesh|" \
    -e "s|/usr/libexec/xdp-mesh/configure|$folder/$1/bin/configure|" \
    -e '/^Documentation=/d' -e "s|$2|$3|" \
    'deploy/systemd/xdp-mesh@.service' >"$folder/$1/xdp-mesh@wg0.service"
}
verify() { SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$folder/$1/xdp-mesh@wg0.service" 2>&1; }

prepare good '^$' ''
said=$(verify good) || { printf '%s\n' "$said"; exit 1; }
[[ -z $said ]] || { printf 'expected silence, got:\n%s\n' "$said"; exit 1; }

prepare wrong ProtectHome ProtectHomes
said=$(verify wrong) || true
[[ $said == *ProtectHomes* ]] || { printf 'a misspelt option is not noticed: %s\n' "$said"; exit 1; }

exposure=$(systemd-analyze security --offline=true --threshold=100 "$folder/good/xdp-mesh@wg0.service" 2>/dev/null |
  tail -n 1) || true
echo "${exposure:-systemd-analyze security has no answer here}"
