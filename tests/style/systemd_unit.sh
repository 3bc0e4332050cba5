#!/usr/bin/env bash
# systemd has nothing to say against the units, and the check notices a misspelt option. Both units confine an
# agent alike.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v systemd-analyze >/dev/null || {
  echo "skipped: systemd-analyze is not installed (tools/deps installs it)"
  exit 0
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The programs that the units name need not be installed for this.
prepare() { # UNIT FOLDER FROM TO
  mkdir -p "$folder/$2/bin"
  ln -sf /bin/true "$folder/$2/bin/xdp-mesh"
  ln -sf /bin/true "$folder/$2/bin/configure"
  sed -e "s|/usr/bin/xdp-mesh|$folder/$2/bin/xdp-mesh|" \
    -e "s|/usr/libexec/xdp-mesh/configure|$folder/$2/bin/configure|" \
    -e '/^Documentation=/d' -e "s|$3|$4|" \
    "deploy/systemd/$1@.service" >"$folder/$2/$1@wg0.service"
}
verify() { SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$folder/$2/$1@wg0.service" 2>&1; }

for unit in xdp-mesh xdp-mesh-node; do
  prepare "$unit" good '^$' ''
  said=$(verify "$unit" good) || { printf '%s\n' "$said"; exit 1; }
  [[ -z $said ]] || { printf 'expected silence, got:\n%s\n' "$said"; exit 1; }

  prepare "$unit" wrong ProtectHome ProtectHomes
  said=$(verify "$unit" wrong) || true
  [[ $said == *ProtectHomes* ]] || { printf '%s: a misspelt option is not noticed: %s\n' "$unit" "$said"; exit 1; }

  exposure=$(systemd-analyze security --offline=true --threshold=100 "$folder/good/$unit@wg0.service" 2>/dev/null |
    tail -n 1) || true
  echo "$unit: ${exposure:-systemd-analyze security has no answer here}"
done

# From the capabilities on they differ in what may be written, and in nothing else.
confinement() {
  sed -n '/^CapabilityBoundingSet=/,/^\[Install\]/p' "deploy/systemd/$1@.service" | grep -v '^#\|^ReadWritePaths='
}
diff <(confinement xdp-mesh) <(confinement xdp-mesh-node)
