#!/bin/bash
# Trusts the lab's own networks in firewalld, now and after a reboot. A host without it is left as it is.
#
# usage: open-firewall.sh NETWORK...
. "$(dirname "$0")/lib.sh"
alone

if ! systemctl is-active --quiet firewalld; then
    say 'no firewalld runs here'
    exit
fi
changed=''
for network in "$@"; do
    if ! firewall-cmd --quiet --permanent --zone trusted --query-source "$network"; then
        quietly "trusting $network in firewalld" "see: firewall-cmd --get-zone-of-source $network" \
            firewall-cmd --permanent --zone trusted --add-source "$network"
        changed=yes
    fi
done
if [ "$changed" ]; then quietly 'firewall-cmd --reload' 'see: journalctl -u firewalld' firewall-cmd --reload; fi
say "firewalld trusts $*"
