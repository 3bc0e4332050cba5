#!/usr/bin/env bash
# The Debian package: what is in it, an agent from it, and a purge that leaves nothing. It is installed into a
# folder of its own, never into this machine.
source "$(dirname "$0")/lib.sh"

setup cpack dpkg-deb dpkg
BUILD=$(dirname "$UNDER_TEST")
[[ -f $BUILD/CPackConfig.cmake ]] || skip "there is no CPackConfig.cmake beside $UNDER_TEST"
VERSION=$("$UNDER_TEST" --version | sed 's/.* //')

build_package() { (cd "$TMP" && umask 022 && cpack --config "$BUILD/CPackConfig.cmake" -G DEB -B "$TMP/cpack"); }
check "cpack -G DEB" build_package
PACKAGE=$(find "$TMP/cpack" -maxdepth 1 -name 'xdp-mesh_*.deb')
check "one package" test -f "$PACKAGE"

# ---- its contents --------------------------------------------------------------------------------
field() { dpkg-deb --field "$PACKAGE" "$1"; }
check "its version is the binary's" test "$(field Version)" = "$VERSION"
check "its architecture is this one" test "$(field Architecture)" = "$(dpkg --print-architecture)"
depends_on() { grep -E "(^|, )$1\b" <<<"$(field Depends)" || { field Depends && return 1; }; }
for library in libbpf1 libxdp1 libsodium23 libmnl0 liburing2 libsystemd0 iproute2; do
  check "depends on $library" depends_on "$library"
done
dpkg-deb --contents "$PACKAGE" | awk '{ print $1, $2, $6 }' >"$TMP/contents"
contains() { grep -qF -- "-$1 root/root .$2" "$TMP/contents" || { cat "$TMP/contents" && return 1; }; }
while read -r mode path; do
  check "$path" contains "$mode" "$path"
done <<'LIST'
rwxr-xr-x /usr/bin/xdp-mesh
rwxr-xr-x /usr/libexec/xdp-mesh/configure
rw-r--r-- /usr/lib/systemd/system/xdp-mesh@.service
rw-r--r-- /usr/lib/systemd/system/xdp-mesh-node@.service
rw-r--r-- /usr/share/man/man8/xdp-mesh.8
rw-r--r-- /usr/share/bash-completion/completions/xdp-mesh
rw-r--r-- /usr/share/zsh/vendor-completions/_xdp-mesh
rw-r--r-- /usr/share/fish/vendor_completions.d/xdp-mesh.fish
rw-r--r-- /usr/share/doc/xdp-mesh/examples/wg0.conf
rw-r--r-- /usr/share/doc/xdp-mesh/examples/home.toml
rw-r--r-- /usr/share/doc/xdp-mesh/mesh.md
rw-r--r-- /usr/share/doc/xdp-mesh/trust.md
rw-r--r-- /usr/share/doc/xdp-mesh/examples/example.env
rw-r--r-- /usr/share/doc/xdp-mesh/examples/xdp-mesh.json
LIST
check "no test and no library of ours is in it" not grep -qE '\.(a|cpp|hpp)$|_tests' "$TMP/contents"

# ---- install, run, purge -------------------------------------------------------------------------
PLACE=$TMP/root
mkdir -p "$PLACE/var/lib/dpkg/"{info,updates,triggers} "$PLACE/etc/systemd/system" "$PLACE/run"
: >"$PLACE/var/lib/dpkg/status"
chmod -R u=rwX,go=rX "$PLACE"
# Its maintainer scripts run outside of the folder, with DPKG_ROOT; what it depends on is this machine's.
dpkg_there() {
  (umask 022 && dpkg --root="$PLACE" --log="$TMP/dpkg.log" --force-script-chrootless --force-depends "$@")
}
tree() { (cd "$PLACE" && find . -path ./var/lib/dpkg -prune -o -printf '%y %m %p %l\n' | sort); }
tree >"$TMP/before"
check "dpkg installs it" dpkg_there --install "$PACKAGE"
installed() { dpkg_there --status xdp-mesh | grep '^Status: install ok installed$'; }
check "and says so" installed
check "/etc/xdp-mesh is for root alone" test "$(stat -c %a "$PLACE/etc/xdp-mesh")" = 700
runs() { "$PLACE/usr/bin/xdp-mesh" --version | grep -F "$VERSION"; }
check "the binary runs" runs
check "it is the stripped one" not grep -q '\.debug_info' <(readelf -S "$PLACE/usr/bin/xdp-mesh" 2>/dev/null)

two_hosts
tunnel "$PLACE/usr/bin/xdp-mesh" "$PLACE/usr/bin/xdp-mesh"
check "a tunnel between two of it" ping_ok "$A" 10.77.0.2
stop_tunnel

check "the example of a mesh is right" \
  "$PLACE/usr/bin/xdp-mesh" config check "$PLACE/usr/share/doc/xdp-mesh/examples/home.toml"
check "dpkg installs it again, over itself" dpkg_there --install "$PACKAGE"
# What an administrator and agents leave.
KEYS=$PLACE/etc/xdp-mesh
check "an identity in the package's folder" "$PLACE/usr/bin/xdp-mesh" keygen --dir "$KEYS"
check "an organisation in it" "$PLACE/usr/bin/xdp-mesh" org keygen --dir "$KEYS"
cp "$KEYS/node.key" "$TMP/node.key"
mkdir -p "$PLACE/etc/systemd/system/multi-user.target.wants" "$PLACE/run/xdp-mesh/wg0" \
  "$PLACE/var/lib/xdp-mesh/home"
: >"$PLACE/var/lib/xdp-mesh/home/incarnation"
for unit in xdp-mesh xdp-mesh-node; do
  mkdir "$PLACE/etc/systemd/system/$unit@wg0.service.d"
  : >"$PLACE/etc/systemd/system/$unit@wg0.service.d/override.conf"
  ln -s "/usr/lib/systemd/system/$unit@.service" \
    "$PLACE/etc/systemd/system/multi-user.target.wants/$unit@wg0.service"
done
: >"$KEYS/wg0.env"
check "dpkg removes it" dpkg_there --remove xdp-mesh
check "configuration stays on removal" test -f "$KEYS/wg0.env"
check "so does the identity" cmp "$TMP/node.key" "$KEYS/node.key"
check "with its counters" test -f "$PLACE/var/lib/xdp-mesh/home/incarnation"
check "the binary does not" not test -e "$PLACE/usr/bin/xdp-mesh"
check "dpkg installs it once more" dpkg_there --install "$PACKAGE"
check "and the node is who it was" cmp "$TMP/node.key" "$KEYS/node.key"
check "dpkg purges it" dpkg_there --purge xdp-mesh
tree >"$TMP/after"
check "a purge leaves nothing, no key either" diff "$TMP/before" "$TMP/after"
