#!/bin/bash
# The study's own procedure: the mode is changed with the new pool alone, operator and agents are restarted, CiliumNodes
# deleted, and every workload restarted. "back" undoes it in the same way. A line "STEP NAME" tells where it is.
#
# usage: manual.sh there|back CHART [POOL NATIVE_RANGE]
set -u
chart=$2
system=(kubectl -n kube-system)
limit=180s # for each wait: what the procedure leaves broken may never come

step() { echo "STEP $*"; }

agents() {
    "${system[@]}" delete pod -l k8s-app=cilium --wait=false
    "${system[@]}" wait --for=delete pod -l k8s-app=cilium,pod-template-generation=0 --timeout=1s 2> /dev/null
    sleep 3
    "${system[@]}" wait pod -l k8s-app=cilium --for=condition=Ready --timeout=$limit
}

workloads() {
    local namespace name
    kubectl get deployments -A -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' |
        while read -r namespace name; do
            [ "$name" = cilium-operator ] || kubectl -n "$namespace" rollout restart deployment "$name" < /dev/null
        done
    # a bare pod comes back only by the hand that made it
    kubectl get pod curl-pod -o json |
        jq 'del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields)' > "$bare"
    kubectl delete pod curl-pod --grace-period=0 --force
    kubectl apply --server-side --field-manager="$(manager)" -f "$bare"
    kubectl get deployments -A -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' |
        while read -r namespace name; do
            kubectl -n "$namespace" rollout status deployment "$name" --timeout=$limit < /dev/null
        done
    kubectl wait pod curl-pod --for=condition=Ready --timeout=$limit
}

manager() { echo "$owner"; }

bare=$(mktemp)
trap 'rm -f "$bare"' EXIT
owner=$(kubectl get pod curl-pod -o json --show-managed-fields | jq -r '[.metadata.managedFields[] | select(.operation == "Apply")][0].manager // "manual"')

case $1 in
there)
    step helm upgrade
    helm upgrade cilium "$chart" -n kube-system --reuse-values --set ipam.mode=cluster-pool \
        --set "ipam.operator.clusterPoolIPv4PodCIDRList={$3}" --set "ipv4NativeRoutingCIDR=$4" || exit 1
    ;;
back)
    step helm rollback
    helm rollback cilium -n kube-system || exit 1
    ;;
esac
step restart the operator
"${system[@]}" rollout restart deployment cilium-operator
"${system[@]}" rollout status deployment cilium-operator --timeout=$limit
step restart the agents
agents
for node in $(kubectl get ciliumnodes -o name); do
    step "delete $node"
    kubectl delete "$node"
    agents
done
step restart the workloads
workloads
step end
