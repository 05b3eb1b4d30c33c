#!/bin/bash
# Installs packages of the distribution, on Rocky Linux 9.
#
# usage: install-packages.sh NAME...
. "$(dirname "$0")/lib.sh"
alone

if ! rpm --quiet --query "$@"; then
    say "installing $*"
    log=$(mktemp)
    dnf install -y "$@" > "$log" 2>&1 ||
        { tail -n 20 "$log" >&2; fail 'dnf install' 'exit status 0' 'the lines above' 'see that the repositories are reached'; }
    rm "$log"
fi
