#!/bin/bash
# Gives a host what lies on this machine: image archives, which its containerd imports, and programs. What the host has
# of the same archive or program is left alone; a label of the image tells which archive it came from.
#
# usage: import-images.sh ADDRESS LIST < keys
#   LIST  lines of: reference, archive, sha256 of the archive; or: path on the host, program, its sha256
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
    if [[ $image == /* ]]; then
        check="echo '$sum  $image' | sha256sum --check --status"
        if on_host "$check" < /dev/null 2> /dev/null; then continue; fi
    elif grep -qE "^${image//./\\.} .*\\b$label=$sum\\b" <<< "$present"; then continue; fi
    if ! echo "$sum  $archive" | sha256sum --check --quiet --strict > /dev/null 2>&1; then
        printf '%s\n  expected: %s\n  seen: %s\n  next: %s\n' "the file of $image is damaged" \
            "$archive with sha256 $sum" "$(sha256sum "$archive" 2>&1)" 'remove its folder and run ./lab build' >&2
        exit 1
    fi
    echo "importing $image" >&2
    if [[ $image == /* ]]; then
        # beside its place first: half a program is none
        on_host "install -D -m 755 /dev/stdin $image.new && mv $image.new $image" < "$archive"
        continue
    fi
    on_host ctr -n k8s.io images import - < "$archive" > /dev/null
    on_host ctr -n k8s.io images label "$image" "$label=$sum" < /dev/null > /dev/null
done <<< "${list%$'\n'}"
