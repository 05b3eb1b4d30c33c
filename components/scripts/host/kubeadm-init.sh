#!/bin/bash
# Makes this host the control plane. Prints the sha256 of the cluster CA's public key, as kubeadm join expects it.
#
# usage: kubeadm-init.sh < kubeadm's documents (YAML)
#
# An init that was cut off anywhere is reset and done again; a finished one is left alone.
. "$(dirname "$0")/lib.sh"
mkdir -p "$done_folder" /etc/kubernetes
documents=/etc/kubernetes/kubeadm.yaml
(umask 077 && cat > "$documents")
alone

if [ ! -e "$done_folder/initialised" ]; then
    next='mend the cause and run pulumi up again: it starts over'
    quietly 'kubeadm config validate' "$next" kubeadm config validate --config "$documents"
    if compgen -G '/etc/kubernetes/pki/*' > /dev/null || compgen -G '/etc/kubernetes/manifests/*' > /dev/null ||
        [ -d /var/lib/etcd/member ]; then
        say 'an earlier kubeadm init was cut off: starting over'
        quietly 'kubeadm reset' "$next" kubeadm reset --force
    fi
    say 'kubeadm init'
    quietly 'kubeadm init' "$next" kubeadm init --config "$documents" --skip-token-print
    touch "$done_folder/initialised"
fi
export KUBECONFIG=/etc/kubernetes/admin.conf
until_true 120 'the API server is ready' kubectl get --raw /readyz
say 'the control plane is ready'
public_key_hash < /etc/kubernetes/pki/ca.crt
