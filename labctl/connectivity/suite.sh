#!/bin/bash
# Runs Cilium's connectivity suite on the control plane, in namespaces of its own, which go when it ends.
#
# usage: suite.sh TARGET=ADDRESS OTHER=ADDRESS [WORD...]
#   TARGET, OTHER  names in the namespace of the outside, which pods resolve to these addresses
#   WORD           further words of `cilium connectivity test`
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf
mine=app.kubernetes.io/managed-by=cilium-lab-connectivity
outside=cilium-lab-outside test=cilium-lab-connectivity
report=/run/cilium-lab-connectivity.xml

clean() {
    kubectl delete namespace -l "$mine" --ignore-not-found --timeout=180s > /dev/null
}

for namespace in "$outside" "$test-1"; do
    if [ -n "$(kubectl get namespace "$namespace" --ignore-not-found -o name)" ] &&
        [ -z "$(kubectl get namespace -l "$mine" -o "jsonpath={.items[?(@.metadata.name=='$namespace')].metadata.name}")" ]
    then
        printf '%s\n  expected: no namespace %s, or one that an earlier run has left\n  seen: one without the label %s\n' \
            'the suite would change what is not its own' "$namespace" "$mine" >&2
        printf '  next: look at it, kubectl get all -n %s, and delete it\n' "$namespace" >&2
        exit 1
    fi
done

trap clean EXIT
clean
rm -f "$report"
kubectl create namespace "$outside" > /dev/null
kubectl label namespace "$outside" "$mine" > /dev/null
for target in "$1" "$2"; do
    kubectl apply -f - > /dev/null << MANIFEST
apiVersion: v1
kind: Service
metadata: {name: ${target%%=*}, namespace: $outside}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${target%%=*}
  namespace: $outside
  labels: {kubernetes.io/service-name: ${target%%=*}}
addressType: IPv4
endpoints: [{addresses: ["${target#*=}"]}]
MANIFEST
done
dns=$(kubectl -n kube-system get deployment coredns -o 'jsonpath={.spec.template.spec.containers[0].image}')
relay=$(kubectl -n kube-system get service hubble-relay -o 'jsonpath={.spec.clusterIP}')
domain=$outside.svc.cluster.local.
target=${1%%=*}.$domain other=${2%%=*}.$domain
shift 2
cilium connectivity test --test-namespace "$test" --namespace-labels "$mine" --dns-test-server-image "$dns" \
    --hubble-server "$relay:80" --external-target "$target" --external-other-target "$other" \
    --junit-file "$report" "$@"
