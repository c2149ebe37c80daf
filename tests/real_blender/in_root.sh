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
    exec chroot "$2" env --chdir=/mnt "${@:3}"' in_root "$repository" "$@"
