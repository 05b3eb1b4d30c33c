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
    kubeadm config validate --config "$documents" > /dev/null
    if compgen -G '/etc/kubernetes/manifests/*' > /dev/null || [ -d /var/lib/etcd/member ]; then
        say 'an earlier kubeadm init was cut off: starting over'
        kubeadm reset --force > /dev/null 2>&1
    fi
    say 'kubeadm init'
    log=$(mktemp)
    if ! kubeadm init --config "$documents" --skip-token-print > "$log" 2>&1; then
        cat "$log" >&2
        fail 'kubeadm init' 'exit status 0' 'the lines above' 'mend the cause and run pulumi up again: it starts over'
    fi
    rm "$log"
    touch "$done_folder/initialised"
fi
export KUBECONFIG=/etc/kubernetes/admin.conf
until_true 120 'the API server is ready' kubectl get --raw /readyz
say 'the control plane is ready'
openssl x509 -pubkey -noout -in /etc/kubernetes/pki/ca.crt | openssl pkey -pubin -outform der 2> /dev/null |
    openssl dgst -sha256 -hex | sed 's/.* /sha256:/'
