#!/bin/bash
# Brings Kubernetes on this host to a release: a new host, the control plane, or the kubelet of a node.
#
# usage: upgrade-kubernetes.sh WHAT VERSION IGNORED
#   WHAT     new: put its programs on the PATH, unless the host is a node already
#            control-plane: kubeadm upgrade apply
#            node: kubeadm upgrade node, then the kubelet, which is restarted
#   VERSION  x.y.z; IGNORED  checks of kubeadm's preflight that fail here for a harmless reason, by commas
#
# Its programs lie on the host where a bundle has them, and come as packages from upstream otherwise. Can be run again.
. "$(dirname "$0")/lib.sh"
what=$1 version=$2 ignored=$3
alone
programs=/opt/cilium-lab/kubernetes
next='fix the cause and run pulumi up again: it begins this step again'

# use PROGRAM...: that release of the programs is what this host runs from now on
use() {
    local name
    if command -v dnf > /dev/null; then
        quietly "installing $*" "$next" dnf install -y --disableexcludes=all "${@/%/-$version}"
        return
    fi
    for name in "$@"; do
        [ -x "$programs/$version/$name" ] || fail "no $name $version" "$programs/$version/$name" 'nothing there' \
            "build it: ./lab build kubernetes-release-$version, then run pulumi up again"
        # beside its place first: a kubelet that restarts meanwhile finds one of the two
        ln -sfn "$programs/$version/$name" "/usr/local/bin/.$name"
        mv -T "/usr/local/bin/.$name" "/usr/local/bin/$name"
    done
}

case $what in
    new)
        if [ -e /etc/kubernetes/kubelet.conf ]; then
            say 'a node already: what it runs is changed by its rollout'
            exit
        fi
        use kubeadm kubelet kubectl
        ;;
    control-plane)
        use kubeadm
        say "upgrading the control plane to $version"
        quietly 'kubeadm upgrade apply' "$next" \
            kubeadm upgrade apply "v$version" --yes --ignore-preflight-errors "$ignored"
        until_true 180 'the API server is ready' kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz
        ;;
    node)
        use kubeadm
        say "upgrading the node to $version"
        quietly 'kubeadm upgrade node' "$next" kubeadm upgrade node --ignore-preflight-errors "$ignored"
        use kubelet kubectl
        systemctl daemon-reload
        systemctl restart kubelet
        until_true 60 'kubelet is healthy' curl --silent --show-error --fail http://127.0.0.1:10248/healthz
        ;;
esac
say "Kubernetes $version: $what"
