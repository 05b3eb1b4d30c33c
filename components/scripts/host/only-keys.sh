#!/bin/bash
# Lets one key log in as root, and no other: those of earlier epochs are refused from now on.
#
# usage: only-keys.sh < public key
. "$(dirname "$0")/lib.sh"
accepted=/root/.ssh/authorized_keys
key=$(cat)
alone
(umask 077 && printf '%s\n' "$key" > "$accepted.new")
if cmp -s "$accepted.new" "$accepted"; then
    rm "$accepted.new"
else
    mv "$accepted.new" "$accepted" # as a whole: a file that was half written would lock everybody out
    say 'keys of earlier epochs are refused from now on'
fi
