#!/bin/bash
# Removes a domain that a failed run has left: one that was defined and could not be started is in no state of Pulumi's.
#
# usage: domain-down.sh URI NAME [IDENTITY]
#   IDENTITY  of the stack that made it; a domain of anybody else stays as it is
set -euo pipefail
uri=$1 name=$2 identity=${3-}
. "$(dirname "$0")/owner.sh"

whose=$(whose "$uri" "$name" "$identity")
case $whose in
    nobody) ;;
    ours)
        echo "domain $name is left from a failed run and goes" >&2
        virsh -q -c "$uri" destroy "$name" > /dev/null 2>&1 || true # it may not run
        virsh -q -c "$uri" undefine --nvram "$name" > /dev/null
        ;;
    *) echo "domain $name of $uri stays: $whose" >&2 ;;
esac
