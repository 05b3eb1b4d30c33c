#!/bin/bash
# Gives a domain its memory, now and from its next start on, without a restart: within what it was defined with.
#
# usage: domain-memory.sh URI NAME MIB < the domain's UUID
#
# A domain of that name with another UUID is somebody else's.
set -euo pipefail
uri=$1 name=$2 mib=$3
read -r uuid || [ -n "$uuid" ]
export LC_ALL=C # what virsh says is read

how=(--config)
state=$(virsh -q -c "$uri" domstate "$uuid")
if [ "$state" = running ]; then how+=(--live); fi
virsh -q -c "$uri" setmem "$uuid" "${mib}MiB" "${how[@]}" > /dev/null
echo "$name has $mib MiB" >&2
