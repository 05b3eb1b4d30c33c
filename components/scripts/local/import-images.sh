#!/bin/bash
# Imports image archives of this machine into a host's containerd. What the host has of the same archive is left alone;
# a label of the image tells which one it came from.
#
# usage: import-images.sh ADDRESS LIST < keys
#   LIST  lines of: reference, archive, sha256 of the archive
# stdin: base64 of a tar with key (the user's private one) and known_hosts (the host's public one)
set -euo pipefail
address=$1 list=$2
umask 077
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
base64 -d | tar -x -C "$files"

on_host() {
    ssh -i "$files/key" -o UserKnownHostsFile="$files/known_hosts" -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes \
        -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 "root@$address" "$@"
}

label=cilium-lab.archive
present=$(on_host ctr -n k8s.io images ls < /dev/null)
while read -r image archive sum; do
    if grep -qE "^${image//./\\.} .*\\b$label=$sum\\b" <<< "$present"; then continue; fi
    if ! echo "$sum  $archive" | sha256sum --check --quiet --strict > /dev/null 2>&1; then
        printf '%s\n  expected: %s\n  seen: %s\n  next: %s\n' "the archive of $image is damaged" \
            "$archive with sha256 $sum" "$(sha256sum "$archive" 2>&1)" 'remove its folder and run ./lab build' >&2
        exit 1
    fi
    echo "importing $image" >&2
    on_host ctr -n k8s.io images import - < "$archive" > /dev/null
    on_host ctr -n k8s.io images label "$image" "$label=$sum" < /dev/null > /dev/null
done <<< "${list%$'\n'}"
