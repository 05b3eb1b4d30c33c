#!/bin/bash
# Gives a domain its memory, now and from its next start on, without a restart: within what it was defined with.
#
# usage: domain-memory.sh URI NAME MIB
set -euo pipefail
uri=$1 name=$2 mib=$3

how=(--config)
if [ "$(virsh -q -c "$uri" domstate "$name")" = running ]; then how+=(--live); fi
virsh -q -c "$uri" setmem "$name" "${mib}MiB" "${how[@]}" > /dev/null
echo "$name has $mib MiB" >&2
