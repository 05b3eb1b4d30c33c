#!/bin/bash
# Gives this host the names of all hosts of the lab.
#
# usage: hosts-file.sh < /etc/hosts as it shall be
. "$(dirname "$0")/lib.sh"
alone

if put /etc/hosts; then say 'knows the names of all hosts'; fi
