#!/bin/bash
# Gives a running host the keys of this epoch: its host key, and the user's key beside those that it accepts.
#
# usage: give-keys.sh ADDRESS SECONDS < bundle of files
#   SECONDS  how long the host may take to answer: it may have been started just now
# stdin: base64 of a tar with
#   user-NN          the user's private keys of all epochs, the newest is 00
#   known_hosts      the host keys of all epochs; known_hosts-now: the newest alone
#   for-host         what install-keys.sh gets
#
# Can be run again after it was stopped anywhere: whatever the host has by then is on these lists.
set -euo pipefail
umask 077
address=$1 end=$((EPOCHSECONDS + $2))
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
base64 -d | tar -x -C "$files"
take=$(< "$(dirname "$0")/../host/install-keys.sh")
user_keys=("$files"/user-*)

# at_host KEY KNOWN_HOSTS COMMAND: by this user key alone, at a host with one of these host keys
at_host() {
    ssh -F none -i "$1" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$files/$2" -o GlobalKnownHostsFile=none -o UpdateHostKeys=no -o ConnectTimeout=5 \
        -o ServerAliveInterval=5 "root@$address" "$3" 2> "$files/words"
}

until at_host "$files/user-00" known_hosts-now true < /dev/null; do
    for key in "${user_keys[@]}"; do
        if at_host "$key" known_hosts "$take" < "$files/for-host"; then continue 2; fi
    done
    if ((EPOCHSECONDS > end)); then
        printf '%s: giving the host its keys failed\n  expected: %s\n  seen: %s\n  next: %s\n' "$address" \
            "one of $(wc -l < "$files/known_hosts") host keys is shown, one of ${#user_keys[@]} user keys fits" \
            "$(tail -n 3 "$files/words")" 'look whether the host runs and its sshd, then run pulumi up again' >&2
        exit 1
    fi
    sleep 0.3
done
