#!/bin/bash
# Removes a domain that a failed run has left: one that was defined and could not be started is in no state of Pulumi's.
#
# usage: domain-down.sh URI NAME
set -euo pipefail
uri=$1 name=$2

if virsh -q -c "$uri" dominfo "$name" > /dev/null 2>&1; then
    echo "domain $name is left from a failed run and goes" >&2
    virsh -q -c "$uri" destroy "$name" > /dev/null 2>&1 || true # it may not run
    virsh -q -c "$uri" undefine --nvram "$name" > /dev/null
fi
