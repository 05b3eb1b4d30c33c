#!/bin/bash
# Downloads a cloud image once, checks it against the sum that its publisher lists beside it, and prints its path.
#
# usage: fetch-image.sh URL FOLDER
set -euo pipefail
url=$1 folder=$2 file=$2/${1##*/}

mkdir -p "$folder"
if [ ! -f "$file" ]; then
    echo "downloading ${url##*/}" >&2
    curl --fail --location --silent --show-error --continue-at - --output "$file.partial" "$url"
    expected=$(curl --fail --location --silent --show-error "$url.CHECKSUM" |
        sed -n "s/^SHA256 (${url##*/}) = \([0-9a-f]\{64\}\)$/\1/p")
    seen=$(sha256sum "$file.partial" | cut -d ' ' -f 1)
    if [ "$seen" != "$expected" ]; then
        rm "$file.partial"
        printf '%s: the download is damaged or was changed\n  expected: sha256 %s\n  seen: sha256 %s\n  next: %s\n' \
            "$url" "${expected:-none is published}" "$seen" 'run pulumi up again; if it stays so, use another mirror' >&2
        exit 1
    fi
    mv "$file.partial" "$file"
fi
printf '%s\n' "$file"
