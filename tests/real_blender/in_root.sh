#!/usr/bin/env bash
# Runs COMMAND for the repository in the FOLDER that build_root.sh made; nothing of it stays mounted or running.
# usage: [HIDDEN="PACKAGE..."] tests/real_blender/in_root.sh FOLDER COMMAND...
# HIDDEN: Debian's Python packages that Blender shall not find; Python does, for what it is told by PYTHONPATH.
set -euo pipefail
repository=$(realpath "$(dirname "$0")/../..")
export HOME=/tmp XDG_RUNTIME_DIR=/tmp LANG=C.UTF-8
exec unshare --mount --pid --fork --kill-child bash -euc '
    mount --bind "$1" "$2/mnt"
    mount -t proc proc "$2/proc"
    mount -t tmpfs tmpfs "$2/tmp"
    for file in /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do # pip needs what this machine has
        [ ! -e "$file" ] || { touch "$2$file" && mount --bind "$file" "$2$file"; }
    done
    for package in ${HIDDEN:-}; do
        mkdir -p "$2/tmp/hidden/$package"
        mount --bind "$2/usr/lib/python3/dist-packages/$package" "$2/tmp/hidden/$package"
        mount -t tmpfs tmpfs "$2/usr/lib/python3/dist-packages/$package"
    done
    exec chroot "$2" env --chdir=/mnt PWD=/mnt PYTHONPATH=/tmp/hidden "${@:3}"' in_root "$repository" "$@"
