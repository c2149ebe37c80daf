#!/usr/bin/env bash
# Builds Debian 13 with its Blender, PyTorch and a screen without a monitor in FOLDER, for tests in the application.
# usage: tests/real_blender/build_root.sh FOLDER   needs root, 3 GB and some minutes; done at once when FOLDER is ready
set -euo pipefail
root=$1 unfinished=$1.unfinished log=$1.log
packages="blender python3-numpy python3-pil python3-requests python3-zstandard python3-torch python3-torchvision
  python3-pytest python3-venv libegl1 libgl1-mesa-dri xvfb xdotool tkdnd"

cannot() {
    echo "The real Blender cannot be built: $1." >&2
    exit 1
}

install_blender() {
    debootstrap --variant=minbase trixie "$unfinished" "${mirror% }" &&
        echo force-unsafe-io >"$unfinished/etc/dpkg/dpkg.cfg.d/unsafe-io" && # what is half built is thrown away
        DEBIAN_FRONTEND=noninteractive chroot "$unfinished" apt-get install -y --no-install-recommends $packages &&
        chroot "$unfinished" apt-get clean &&
        ln -sf /proc/mounts "$unfinished/etc/mtab" && # Blender 5.2 warns without
        chroot "$unfinished" blender --version
}

[ "$(cat "$root/.packages" 2>/dev/null)" != "$packages" ] || exit 0
[ "$(id -u)" = 0 ] || cannot "debootstrap needs root"
[ ! -e "$root" ] || [ -e "$root/.packages" ] || cannot "$root is there and is something else"
# What is mounted meanwhile goes with the last process, however that ends.
[ "${OWN_MOUNTS:-}" ] || OWN_MOUNTS=yes exec unshare --mount bash "$0" "$@"
command -v debootstrap >/dev/null ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends debootstrap; } >/dev/null 2>&1 ||
    cannot "debootstrap is missing; please run 'apt-get install debootstrap'"
mirror=$(grep -rhE --include='*.list' --include='*.sources' '^(deb|URIs:) ' /etc/apt |
    grep -oE -m 1 'https?://[^ ]+/debian/?( |$)') ||
    cannot "apt is not configured with a mirror of Debian"

echo "Building Debian 13 with its Blender in $root from ${mirror% } (some minutes)"
mkdir -p "$(dirname "$root")"
rm -rf --one-file-system "$unfinished" "$root"
install_blender >"$log" 2>&1 || cannot "$(tail -n 1 "$log" | sed 's/^E: //; s/\.$//') ($log tells more)"
echo "$packages" >"$unfinished/.packages"
mv "$unfinished" "$root"
rm "$log"
