#!/bin/bash
# Checks that a storage pool was empty when it was made, and has space for its base image and what hosts write first.
#
# usage: pool-up.sh URI POOL IMAGE MIB IDENTITY UUID
#   MIB       what is wanted besides the image
#   IDENTITY  of the stack
#   UUID      of the pool that the stack makes; one with another UUID was made by an earlier version
#
# Volumes carry no mark of their stack. A note is put into the pool while it is empty: all beside it came after it.
set -euo pipefail
uri=$1 pool=$2 image=$3 more=$4 note=owner-$5 uuid=$6
export LC_ALL=C # what virsh says is read

virsh -q -c "$uri" pool-refresh "$pool" > /dev/null
seen=$(virsh -q -c "$uri" pool-uuid "$pool")
if [ "$seen" = "$uuid" ]; then
    found=$(virsh -q -c "$uri" vol-list "$pool" | sed -E 's/^ *(.*[^ ]) {2,}[^ ].*$/\1/; /^ *$/d')
    if [ -z "$found" ]; then
        virsh -q -c "$uri" vol-create-as "$pool" "$note" 4096 --format raw > /dev/null
    elif ! grep -qxF -- "$note" <<< "$found"; then
        printf 'storage pool %s of %s: its folder holds what this stack did not make\n  expected: %s\n  seen: %s\n  next: %s\n' \
            "$pool" "$uri" 'an empty folder, before the first volume is made' "$(tr '\n' ' ' <<< "$found")" \
            "move them away (virsh -c $uri vol-list $pool), then run pulumi up again" >&2
        exit 1
    fi
fi
free=$(virsh -q -c "$uri" pool-info --bytes "$pool" | awk '$1 == "Available:" {print $2}')
wanted=$(($(stat -L -c %s "$image") + more * 1048576))
if [ "$free" -lt "$wanted" ]; then
    printf 'storage pool %s of %s is full\n  expected: %d MiB free, for the image and its hosts\n  seen: %d MiB\n  next: %s\n' \
        "$pool" "$uri" $((wanted / 1048576)) $((free / 1048576)) \
        "free space where it lies: virsh -c $uri pool-dumpxml $pool" >&2
    exit 1
fi
