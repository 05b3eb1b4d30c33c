#!/bin/bash
# Waits, on the control plane, until a worker has joined the cluster; where Cilium runs already, until it is ready.
#
# usage: node-joined.sh NODE
. "$(dirname "$0")/lib.sh"
node=$1
export KUBECONFIG=/etc/kubernetes/admin.conf

until_true 60 "the API server knows $node" kubectl get node "$node"
# Before Cilium is there no node can become ready, and nothing waits for it.
if [ -n "$(kubectl get daemonset cilium --namespace kube-system --ignore-not-found --output name)" ]; then
    say "waiting for $node to be ready"
    quietly "waiting for $node to be ready" "see its agent: kubectl -n kube-system get pods -o wide" \
        kubectl wait "node/$node" --for condition=Ready --timeout 300s
fi
say "$node is a member"
