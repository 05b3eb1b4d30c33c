#!/bin/bash
# Makes this host a worker of the cluster.
#
# usage: kubeadm-join.sh CONTROL_PLANE CA_HASH < bundle of files
#   CONTROL_PLANE  its address; CA_HASH  sha256:... of the cluster CA's public key
# stdin: kubeadm.yaml (its documents), key (the SSH key that gets a token), known_hosts (the control plane's pinned host key).
#
# A join that was interrupted anywhere is reset and done again, and so is one of a node that has been removed from the
# cluster since; any other is left alone.
. "$(dirname "$0")/lib.sh"
control_plane=$1 expected=$2
files=$(mktemp -d -p /run) # memory, not disk: the key must not stay
trap 'rm -rf "$files"' EXIT
unpack "$files"
alone

next='fix the cause and run pulumi up again: it starts over'
mkdir -p "$done_folder"
# A disk outlives its machine, so its mark is compared with the cluster; no answer is no reason to start over.
left() {
    local known
    known=$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node "$(hostname)" \
        --ignore-not-found --output name 2> /dev/null) && [ -z "$known" ]
}
if [ "$(cat "$done_folder/joined" 2> /dev/null)" = "$expected" ] && ! left; then
    say 'joined already'
    exit
fi
if [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/bootstrap-kubelet.conf ]; then
    say 'an earlier kubeadm join was cut off, or the node was taken out of the cluster: starting over'
    quietly 'kubeadm reset' "$next" kubeadm reset --force
fi

say 'getting a join token from the control plane'
discovery=/run/cilium-lab-discovery.conf # named in kubeadm.yaml
trap 'rm -rf "$files" "$discovery"' EXIT
(umask 077 && : > "$discovery")
ssh -T -i "$files/key" -o UserKnownHostsFile="$files/known_hosts" -o StrictHostKeyChecking=yes -o BatchMode=yes \
    -o ConnectTimeout=10 -o ServerAliveInterval=5 "root@$control_plane" > "$discovery" ||
    fail 'getting a join token' "a kubeconfig from $control_plane" "ssh's words above" \
        "see that sshd and the API server run on $control_plane"
seen=$(sed -n 's/.*certificate-authority-data: "\([^"]*\)".*/\1/p' "$discovery" | base64 -d | public_key_hash) ||
    seen='no certificate'
[ "$seen" = "$expected" ] || fail 'the CA of the cluster' "$expected" "$seen" \
    "do not join: $control_plane answers for another cluster"

say 'kubeadm join'
install -D -m 600 "$files/kubeadm.yaml" /etc/kubernetes/kubeadm.yaml
quietly 'kubeadm join' "$next" kubeadm join --config /etc/kubernetes/kubeadm.yaml
echo "$expected" > "$done_folder/joined"
say 'joined'
