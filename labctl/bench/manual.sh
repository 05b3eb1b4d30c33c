#!/bin/bash
# The study's own procedure: the mode is changed with the new range alone, operator and agents are restarted, CiliumNodes
# deleted, and every workload restarted. "back" goes the same way, and puts Helm's release as it was. What the procedure
# leaves broken may never become ready, so each wait has a limit and none ends it. A line "STEP NAME" tells where it is.
#
# usage: manual.sh there|back CHART MODE RANGE
set -u
way=$1 chart=$2 mode=$3 range=$4
limit=120s
system=(kubectl -n kube-system)
step() { echo "STEP $*"; }

agents() { # as the study does: by the DaemonSet, two at a time (the chart's default)
    "${system[@]}" rollout restart daemonset cilium
    "${system[@]}" rollout status daemonset cilium --timeout=$limit
}

deployments() {
    kubectl get deployments -A \
        -o jsonpath='{range .items[*]}{.metadata.namespace}{" "}{.metadata.name}{"\n"}{end}' | grep -v ' cilium-operator$'
}

curl_pod() { # a bare pod comes back only by the hand that made it
    local pod clean='del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp,
        .metadata.managedFields)'
    local applied='[.metadata.managedFields[] | select(.operation == "Apply").manager][0] // "manual"'
    pod=$(kubectl get pod curl-pod -o json --show-managed-fields) || return
    kubectl delete pod curl-pod
    jq "$clean" <<< "$pod" | kubectl apply --server-side --field-manager="$(jq -r "$applied" <<< "$pod")" -f -
}

workloads() {
    local namespace name
    while read -r namespace name; do
        kubectl -n "$namespace" rollout restart deployment "$name" < /dev/null
    done < <(deployments)
    curl_pod
    while read -r namespace name; do
        kubectl -n "$namespace" rollout status deployment "$name" --timeout=$limit < /dev/null
    done < <(deployments)
    kubectl wait pod curl-pod --for=condition=Ready --timeout=$limit
}

step helm upgrade
helm upgrade cilium "$chart" -n kube-system --reuse-values --set updateStrategy.type=RollingUpdate \
    --set ipam.mode="$mode" --set "ipam.operator.clusterPoolIPv4PodCIDRList={$range}" \
    --set "ipv4NativeRoutingCIDR=$range" || exit 1
step restart the operator
"${system[@]}" rollout restart deployment cilium-operator
"${system[@]}" rollout status deployment cilium-operator --timeout=$limit
step restart the agents
agents
step delete the CiliumNodes
kubectl delete ciliumnodes --all
step restart the agents again
agents
step restart the workloads
workloads
if [ "$way" = back ]; then # the two upgrades are taken back: the release is Pulumi's again
    step helm rollback
    revision=$(helm history cilium -n kube-system -o json | jq '.[-1].revision')
    helm rollback cilium $((revision - 2)) -n kube-system || exit 1
fi
step end
