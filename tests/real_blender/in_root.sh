#!/usr/bin/env bash
# Runs COMMAND for the repository in the FOLDER that build_root.sh made; nothing of it stays mounted or running.
# usage: tests/real_blender/in_root.sh FOLDER COMMAND...
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
    exec chroot "$2" env --chdir=/mnt PWD=/mnt "${@:3}"' in_root "$repository" "$@"
