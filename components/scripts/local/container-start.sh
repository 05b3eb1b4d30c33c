#!/bin/bash
# Starts a container that libvirt knows; one that runs is left running.
#
# usage: container-start.sh URI NAME
set -euo pipefail
uri=$1 name=$2

if [ "$(virsh -q -c "$uri" domstate "$name")" != running ] && ! virsh -q -c "$uri" start "$name" > /dev/null; then
    printf 'container %s: it did not start\n  expected: state running\n  seen: state %s\n  next: %s\n' "$name" \
        "$(virsh -q -c "$uri" domstate "$name")" "read the log of libvirt's LXC driver for $name" >&2
    exit 1
fi
echo "container $name runs" >&2
