#!/bin/bash
# Installs packages of the distribution, on Rocky Linux 9.
#
# usage: install-packages.sh NAME...
. "$(dirname "$0")/lib.sh"
alone

if ! rpm --quiet --query "$@"; then
    say "installing $*"
    quietly 'dnf install' 'check that the host reaches the repositories' dnf install -y "$@"
fi
