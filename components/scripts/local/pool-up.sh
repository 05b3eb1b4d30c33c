#!/bin/bash
# Sees that a storage pool has room for its base image and what hosts write first.
#
# usage: pool-up.sh URI POOL IMAGE MIB
#   MIB  what is wanted besides the image
set -euo pipefail
uri=$1 pool=$2 image=$3 more=$4

virsh -q -c "$uri" pool-refresh "$pool" > /dev/null
free=$(virsh -q -c "$uri" pool-info --bytes "$pool" | awk '$1 == "Available:" {print $2}')
wanted=$(($(stat -L -c %s "$image") + more * 1048576))
if [ "$free" -lt "$wanted" ]; then
    printf 'storage pool %s of %s is full\n  expected: %d MiB free, for the image and its hosts\n  seen: %d MiB\n  next: %s\n' \
        "$pool" "$uri" $((wanted / 1048576)) $((free / 1048576)) \
        "make room where it lies: virsh -c $uri pool-dumpxml $pool" >&2
    exit 1
fi
