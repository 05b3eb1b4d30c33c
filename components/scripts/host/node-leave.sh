#!/bin/bash
# Removes a worker from the cluster, on the control plane, before the worker's machine goes: the node is drained within
# the pods' disruption budgets, then its objects are deleted.
#
# usage: node-leave.sh NODE
#
# Can be run again; a node that has left already is left alone.
. "$(dirname "$0")/lib.sh"
node=$1
export KUBECONFIG=/etc/kubernetes/admin.conf
alone # two workers that leave at once could leave too little capacity for their pods

member=$(kubectl get node "$node" --ignore-not-found --output name) ||
    fail "looking for $node" 'an answer of the API server' "kubectl's words above" 'see that the control plane runs'
if [ -z "$member" ]; then
    say "$node is no member any more"
    exit
fi
kept=$(kubectl get persistentvolumes --output json | jq -r --arg node "$node" '.items[] | select([
    .spec.nodeAffinity.required.nodeSelectorTerms[]?.matchExpressions[]? | select(.key == "kubernetes.io/hostname").values[]
    ] | index($node)) | .spec.claimRef | "\(.namespace)/\(.name)"')
if [ -n "$kept" ]; then say "the data of these claims lies on $node and goes with it: ${kept//$'\n'/ }"; fi

say "draining $node"
# Pods of a machine that is dead already never confirm their end: kubectl waits no longer than a minute for them.
quietly "draining $node" \
    "see what holds them: kubectl get pdb,pods -A -o wide; to keep the node: kubectl uncordon $node" \
    kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --force \
    --skip-wait-for-delete-timeout 60 --timeout 300s
quietly "deleting the node $node" 'run pulumi up again' kubectl delete node "$node" --timeout 60s
# Else a node of the same name could find, for a moment, its predecessor's pod CIDRs.
if kubectl get crd ciliumnodes.cilium.io > /dev/null 2>&1; then
    quietly "deleting Cilium's node $node" 'run pulumi up again' \
        kubectl delete ciliumnode "$node" --ignore-not-found --timeout 60s
fi
say "$node has left"
