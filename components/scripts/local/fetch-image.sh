#!/bin/bash
# Downloads a cloud image once, compares it with its sum, and prints its path.
#
# usage: fetch-image.sh URL FOLDER SHA256
set -euo pipefail
url=$1 folder=$2 expected=$3 file=$2/${1##*/}

download() { curl --fail --location --silent --show-error "$@"; }
sum() { sha256sum "$1" 2> /dev/null | cut -d ' ' -f 1; }

mkdir -p "$folder"
# One that lies there is compared as well: it may have been fetched for another sum, or damaged since.
if [ "$(sum "$file" || true)" != "$expected" ]; then
    rm -f "$file"
    seen=$(sum "$file.partial") || true # a run that was cut off before its check may have left all of it
    if [ -z "$seen" ] || [ "$seen" != "$expected" ]; then
        echo "downloading ${url##*/}" >&2
        download --continue-at - --output "$file.partial" "$url" || case $? in
            22 | 33) # the rest is longer than the image, or the server does not continue downloads
                [ -e "$file.partial" ] || exit 1
                echo 'it cannot be continued: downloading all of it' >&2
                download --output "$file.partial" "$url"
                ;;
            *) exit 1 ;; # it broke off: the next run continues it
        esac
        seen=$(sum "$file.partial")
    fi
    if [ "$seen" != "$expected" ]; then
        rm "$file.partial"
        printf '%s: the download is damaged or was changed\n  expected: sha256 %s\n  seen: sha256 %s\n  next: %s\n' \
            "$url" "$expected" "$seen" 'run pulumi up again; if it stays so, use another mirror' >&2
        exit 1
    fi
    mv "$file.partial" "$file"
fi
printf '%s\n' "$file"
