#!/bin/bash
# Allows one SSH key to do one thing on the control plane: to make a join token that is good for 15 minutes.
#
# usage: allow-joining.sh NODE_NETWORK < public key
#
# So no token has to be kept: a worker gets one at the moment in which it joins.
. "$(dirname "$0")/lib.sh"
network=$1 key=$(cat)
alone

put /usr/local/sbin/cilium-lab-join-file 755 << 'SCRIPT' || true
#!/bin/bash
# Prints a kubeconfig with the cluster's CA and a join token of 15 minutes: kubeadm's discovery file.
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf
token=$(kubeadm token create --ttl 15m --description 'cilium-lab: one worker joins')
server=$(kubectl config view --output jsonpath='{.clusters[0].cluster.server}')
cat << FILE
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "$server", certificate-authority-data: "$(base64 -w0 /etc/kubernetes/pki/ca.crt)"}}]
users: [{name: join, user: {token: "$token"}}]
contexts: [{name: join, context: {cluster: lab, user: join}}]
current-context: join
FILE
SCRIPT

# A file of its own: root's is written again whenever the host's keys are.
keys=/etc/ssh/cilium-lab-join-keys
put "$keys" 600 <<< "restrict,from=\"$network\",command=\"/usr/local/sbin/cilium-lab-join-file\" $key" || true
if put /etc/ssh/sshd_config.d/10-cilium-lab-join.conf <<< "AuthorizedKeysFile .ssh/authorized_keys $keys"; then
    systemctl reload sshd.service 2> /dev/null || systemctl reload ssh.service
fi
say 'workers may join'
