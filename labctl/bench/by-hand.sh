#!/bin/bash
# What a person types where the lab has one command, for `./lab bench up` to set beside it. Nothing is left behind, and
# each wait has a limit.
#
# usage: by-hand.sh look
#        by-hand.sh check IMAGE SSH_CONFIG HOST...
#   look   every object of libvirt and of the cluster that a preview compares with
#   check  the same, every host, every agent, the workloads, DNS and the page in a pod, and a claim that a pod of IMAGE
#          writes to
set -euo pipefail
what=$1
shift
uri=lxc:///system limit=90s name=bench-by-hand

look() {
    local domain network
    for domain in $(virsh -q -c $uri list --all --name); do virsh -q -c $uri dumpxml "$domain"; done
    for network in $(virsh -q -c $uri net-list --all --name); do virsh -q -c $uri net-dumpxml "$network"; done
    kubectl get nodes,namespaces,pods,deployments,daemonsets,services,configmaps,poddisruptionbudgets -A -o yaml
    kubectl get ciliumnodes,storageclasses,clusterroles,clusterrolebindings -o yaml
    helm -n kube-system get values cilium
    helm -n kube-system get manifest cilium
}

hosts() { # usage: hosts SSH_CONFIG HOST...
    local config=$1 host
    shift
    for host in "$@"; do ssh -F "$config" -o BatchMode=yes "$host" 'hostname; ip -br address; ip route' < /dev/null; done
}

cluster() {
    local namespace agent
    for agent in $(kubectl -n kube-system get pods -l k8s-app=cilium -o name); do
        kubectl -n kube-system exec "$agent" -c cilium-agent -- cilium-dbg status
    done
    kubectl wait nodes --all --for=condition=Ready --timeout=$limit
    for namespace in $(kubectl get namespaces -o jsonpath='{.items[*].metadata.name}'); do
        if [ -z "$(kubectl -n "$namespace" get deployments -o name)" ]; then continue; fi
        kubectl -n "$namespace" wait deployments --all --for=condition=Available --timeout=$limit
    done
    kubectl exec curl-pod -- dig +short +time=2 webpod.default.svc.cluster.local
    kubectl exec curl-pod -- curl -s -m 5 http://webpod/
}

forget() { kubectl delete pod,pvc $name --ignore-not-found --wait --timeout=$limit; }

claim() { # usage: claim IMAGE
    local volume
    trap forget EXIT
    kubectl apply -f - << MANIFEST
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $name, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 8Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: $name, namespace: default}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
    - name: writer
      image: $1
      imagePullPolicy: IfNotPresent
      command: [sh, -c, 'echo written > /data/words && cat /data/words']
      volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: $name}}]
MANIFEST
    kubectl wait pod $name --for=jsonpath='{.status.phase}'=Succeeded --timeout=$limit
    kubectl logs $name
    volume=$(kubectl get pvc $name -o jsonpath='{.spec.volumeName}')
    forget
    kubectl wait "pv/$volume" --for=delete --timeout=$limit
    trap - EXIT
}

case $what in
    look) look ;;
    check)
        image=$1
        shift
        look
        hosts "$@"
        cluster
        claim "$image"
        ;;
    *)
        echo "usage: by-hand.sh look|check ..." >&2
        exit 2
        ;;
esac
