#!/bin/bash
# Removes the volumes that failed runs left in the stack's storage pool: libvirt removes an empty one alone.
#
# usage: pool-down.sh URI POOL [UUID IDENTITY VOLUME...]
#   UUID      of the stack's pool; another one of that name stays as it is
#   VOLUME    names of the stack's volumes; whatever else lies there stays, and is named in an error
# Without them, in a command that an earlier version left in the state, nothing is removed.
#
# Can be run again; what is gone already is no error.
set -euo pipefail
uri=$1 pool=$2 uuid=${3-} identity=${4-}
ours=("owner-$identity" "${@:5}")
export LC_ALL=C # what virsh says is read

names=$(virsh -q -c "$uri" pool-list --all --name)
if ! grep -qE "^ *$pool *$" <<< "$names"; then exit 0; fi
seen=$(virsh -q -c "$uri" pool-uuid "$pool")
if [ -n "$uuid" ] && [ "$seen" != "$uuid" ]; then
    echo "storage pool $pool of $uri stays: it is not this stack's, its UUID is $seen" >&2
    exit 0
fi
if ! virsh -q -c "$uri" pool-refresh "$pool" > /dev/null 2>&1; then
    virsh -q -c "$uri" pool-destroy "$pool" > /dev/null 2>&1 || true # it may not be active
    virsh -q -c "$uri" pool-build "$pool" > /dev/null # its folder may be gone
    virsh -q -c "$uri" pool-start "$pool" > /dev/null
fi
found=$(virsh -q -c "$uri" vol-list "$pool" | sed -E 's/^ *(.*[^ ]) {2,}[^ ].*$/\1/; /^ *$/d')
foreign=()
while read -r volume; do
    [ -n "$volume" ] || continue
    for name in "${ours[@]}"; do
        if [ -n "$uuid" ] && [ "$volume" = "$name" ]; then
            case $volume in owner-*) ;; *) echo "volume $volume is left from a failed run and goes" >&2 ;; esac
            virsh -q -c "$uri" vol-delete --pool "$pool" "$volume" > /dev/null
            continue 2
        fi
    done
    foreign+=("$volume")
done <<< "$found"
if [ ${#foreign[@]} -gt 0 ]; then
    printf 'storage pool %s of %s: its folder holds what this stack did not make\n  expected: %s\n  seen: %s\n  next: %s\n' \
        "$pool" "$uri" 'nothing but the volumes of this stack' "${foreign[*]}" \
        "move them away, or remove them (virsh -c $uri vol-delete --pool $pool NAME), then destroy again" >&2
    exit 1
fi
