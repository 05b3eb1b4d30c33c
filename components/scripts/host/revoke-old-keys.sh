#!/bin/bash
# Accepts one key for root, and no other: those of earlier epochs are refused from now on.
#
# usage: revoke-old-keys.sh < public key
. "$(dirname "$0")/lib.sh"
accepted=/root/.ssh/authorized_keys
key=$(cat)
alone
(umask 077 && printf '%s\n' "$key" > "$accepted.new")
if cmp -s "$accepted.new" "$accepted"; then
    rm "$accepted.new"
else
    mv "$accepted.new" "$accepted" # as a whole: half a file would accept no key at all
    say 'keys of earlier epochs are refused from now on'
fi
