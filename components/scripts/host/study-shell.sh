#!/bin/bash
# Gives root on the control plane what the study types: kubectl with the administrator's kubeconfig, `k`, completion,
# c0, c1, ... which run cilium-dbg in the agent of each node, whichever pod that is by now, and hubble through the relay.
#
# usage: study-shell.sh NODE...
#   NODE  the nodes by name: c0 is the first one's
. "$(dirname "$0")/lib.sh"
alone

# A link follows renewed certificates. What somebody has put there is theirs.
if [ ! -e /root/.kube/config ] && [ ! -L /root/.kube/config ]; then
    install -d -m 700 /root/.kube
    ln -s /etc/kubernetes/admin.conf /root/.kube/config
fi

profile=$(
    cat << 'SHELL'
# Made by cilium-lab: what the study types on this host.
if [ -n "${BASH_VERSION:-}" ] && [ "$(id -u)" = 0 ]; then
    alias k=kubectl
    agent_of() {
        local node=$1 pod terminal=()
        shift
        pod=$(kubectl -n kube-system get pods -l k8s-app=cilium --field-selector "spec.nodeName=$node" -o name) || return
        if [ -t 0 ]; then terminal=(-it); fi
        kubectl -n kube-system exec "${terminal[@]}" "$pod" -c cilium-agent -- cilium-dbg "$@"
    }
    # A node reaches the relay by its Service's address: no port-forward has to run.
    hubble() {
        local relay
        relay=$(kubectl -n kube-system get service hubble-relay -o 'jsonpath={.spec.clusterIP}') || return
        HUBBLE_SERVER=${HUBBLE_SERVER:-$relay:80} command hubble "$@"
    }
    case $- in *i*)
        if [ -r /usr/share/bash-completion/bash_completion ]; then
            . /usr/share/bash-completion/bash_completion
            . <(kubectl completion bash)
            complete -o default -F __start_kubectl k
        fi
        ;;
    esac
SHELL
    number=0
    for node in "$@"; do
        echo "    c$number() { agent_of $node \"\$@\"; }"
        number=$((number + 1))
    done
    echo 'fi'
)
if put /etc/profile.d/cilium-lab.sh <<< "$profile"; then say 'root has the commands of the study'; fi
