#!/bin/bash
# Removes the volumes that failed runs left in a storage pool: libvirt removes an empty one alone.
#
# usage: pool-down.sh URI POOL
set -euo pipefail
uri=$1 pool=$2

virsh -q -c "$uri" pool-refresh "$pool" > /dev/null
virsh -q -c "$uri" vol-list "$pool" | while read -r volume _; do
    echo "volume $volume is left from a failed run and goes" >&2
    virsh -q -c "$uri" vol-delete --pool "$pool" "$volume" > /dev/null
done
