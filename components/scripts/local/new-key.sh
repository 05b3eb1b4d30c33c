#!/bin/bash
# Prints a new ed25519 key pair as {"private": ..., "public": ...}; nothing is left on disk.
#
# usage: new-key.sh COMMENT
set -euo pipefail
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$folder/key"
# PEM and the public line hold no character but line ends that JSON would have to escape
printf '{"private": "%s", "public": "%s"}\n' "$(awk '{printf "%s\\n", $0}' "$folder/key")" "$(cat "$folder/key.pub")"
