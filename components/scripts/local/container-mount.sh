#!/bin/bash
# Lays a container's own layer over the shared root file system.
#
# usage: container-mount.sh NAME FOLDER [ROOTFS]
#   ROOTFS  is noted in FOLDER, so that the container can be started after a reboot without it
set -euo pipefail
name=$1 folder=$2

mkdir -p "$folder"/{upper,work,root}
chmod 755 "$folder"/{upper,root} # the upper layer's mode is the mode of the container's /
if [ $# -gt 2 ]; then ln -sfn "$3" "$folder/rootfs"; fi
rootfs=$(readlink "$folder/rootfs")
# A link, to be followed inside and not here: the machine itself may have another init, or none.
if [ ! -L "$rootfs/sbin/init" ] && [ ! -x "$rootfs/sbin/init" ]; then
    printf 'container %s: no root file system\n  expected: %s\n  seen: none\n  next: %s\n' \
        "$name" "$rootfs/sbin/init" 'build it: ./lab build, or set rootfsPath' >&2
    exit 1
fi
if ! mountpoint -q "$folder/root"; then
    mount -t overlay -o "lowerdir=$rootfs,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
fi
