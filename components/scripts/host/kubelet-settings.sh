#!/bin/bash
# Gives the kubelet of a joined node the settings that the cluster holds for all nodes.
#
# usage: kubelet-settings.sh DIGEST
#   DIGEST  of the settings, so that this runs again when they change
. "$(dirname "$0")/lib.sh"
digest=$1
alone
mkdir -p "$done_folder"
config=/var/lib/kubelet/config.yaml

if [ "$(cat "$done_folder/kubelet-settings" 2> /dev/null)" != "$digest" ]; then
    before=$(sha256sum "$config")
    quietly 'reading the settings' 'fix the cause and run pulumi up again' kubeadm upgrade node phase kubelet-config
    if [ "$(sha256sum "$config")" != "$before" ]; then
        say 'restarting kubelet with changed settings'
        systemctl restart kubelet
        until_true 60 'kubelet is healthy' curl --silent --show-error --fail http://127.0.0.1:10248/healthz
    fi
    echo "$digest" > "$done_folder/kubelet-settings"
fi
chmod 600 "$config"
say 'kubelet has its settings'
