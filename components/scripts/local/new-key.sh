#!/bin/bash
# Prints a new ed25519 key pair before the earlier ones, as a JSON list: [{"epoch": ..., "private": ..., "public": ...}].
# Nothing is left on disk.
#
# usage: new-key.sh COMMENT EPOCH
#   PULUMI_COMMAND_STDOUT  what the run before this one printed, if there was one
#
# Nothing is made for an epoch that has a pair, so that a run for another reason changes no key.
set -euo pipefail
umask 077
comment=$1 epoch=$2 earlier=${PULUMI_COMMAND_STDOUT-}
unset PULUMI_COMMAND_STDOUT # no program below needs it

if [[ $earlier == \{* ]]; then # what the program printed before there were epochs: one pair
    earlier="[{\"epoch\": 1, ${earlier#\{}]"
fi
if [[ $earlier =~ ^\[\{\"epoch\":\ ([0-9]+), ]]; then
    if ((epoch < BASH_REMATCH[1])); then
        printf 'keyEpoch: keys are never changed back\n  expected: %s or more\n  seen: %s\n  next: %s\n' \
            "${BASH_REMATCH[1]}" "$epoch" "pulumi config set keyEpoch $((BASH_REMATCH[1] + 1))" >&2
        exit 1
    elif ((epoch == BASH_REMATCH[1])); then
        printf '%s\n' "$earlier"
        exit
    fi
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ssh-keygen -q -t ed25519 -N '' -C "$comment" -f "$folder/key"
rest=${earlier#[}
# PEM and the public line hold no character but line ends that JSON would have to escape
printf '[{"epoch": %d, "private": "%s", "public": "%s"}%s\n' "$epoch" \
    "$(awk '{printf "%s\\n", $0}' "$folder/key")" "$(cat "$folder/key.pub")" "${rest:+, }${rest:-]}"
