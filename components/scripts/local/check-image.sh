#!/bin/bash
# Compares an image with the sum that lies beside it, and prints its path.
#
# usage: check-image.sh IMAGE
set -euo pipefail
image=$1

if [ ! -f "$image" ] || [ ! -f "$image.sha256" ]; then
    printf 'the base image of virtual machines is not there\n  expected: %s\n  seen: none\n  next: %s\n' \
        "$image and $image.sha256" 'build it: ./lab build vm-image' >&2
    exit 1
fi
expected=$(cut -d ' ' -f 1 "$image.sha256")
seen=$(sha256sum "$image" | cut -d ' ' -f 1)
if [ "$seen" != "$expected" ]; then
    printf '%s: the base image is damaged\n  expected: sha256 %s\n  seen: sha256 %s, %s bytes\n  next: %s\n' \
        "$image" "$expected" "$seen" "$(stat -L -c %s "$image")" 'remove its folder, then: ./lab build vm-image' >&2
    exit 1
fi
printf '%s\n' "$image"
