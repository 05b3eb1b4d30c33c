#!/bin/bash
# Makes this host the control plane. Prints the sha256 of the cluster CA's public key, as kubeadm join expects it.
#
# usage: kubeadm-init.sh < kubeadm's documents (YAML)
#
# An init that was interrupted anywhere is reset and done again. On a finished one changed documents are applied, as far
# as a running cluster allows; any other change is an error. Its release is what the rollout upgrades: here it stays.
. "$(dirname "$0")/lib.sh"
mkdir -p "$done_folder" /etc/kubernetes
documents=/etc/kubernetes/kubeadm.yaml
wanted=$documents.new
alone
(umask 077 && cat > "$wanted")
export KUBECONFIG=/etc/kubernetes/admin.conf

# fixed_settings FILE: the lines that cannot change on a running cluster
fixed_settings() { grep -E '^ *(podSubnet|serviceSubnet|advertiseAddress|bindPort): ' "$1" | sort; }

# keep_release FILE: names the release that the control plane runs, whatever the file says
keep_release() {
    local running
    running=$(sed -n 's/^ *image: .*kube-apiserver:\(v[0-9.]*\).*/\1/p' /etc/kubernetes/manifests/kube-apiserver.yaml)
    if [ "$running" ]; then sed -i "s/^kubernetesVersion: .*/kubernetesVersion: $running/" "$1"; fi
}

# runs_as_written PART: its process has every argument that its manifest has
runs_as_written() {
    local process argument
    process=$(pgrep --exact --newest "${1:0:15}") || { echo "no process of $1"; return 1; }
    while read -r argument; do
        tr '\0' '\n' < "/proc/$process/cmdline" | grep -qxFe "$argument" || { echo "$1 runs without $argument"; return 1; }
    done < <(sed -n 's/^    - \(--.*\)$/\1/p' "/etc/kubernetes/manifests/$1.yaml")
}

# write_secrets_again: so that each is encrypted with the current key
write_secrets_again() { kubectl get secrets --all-namespaces --output json | kubectl replace --filename -; }

# apply_documents: the steps of kubeadm's "Reconfiguring a kubeadm cluster"
apply_documents() {
    local part next='fix the cause and run pulumi up again: it starts over'
    diff <(fixed_settings "$documents") <(fixed_settings "$wanted") >&2 ||
        fail 'changing a running cluster' 'the same ranges and addresses' 'the differences above' \
            'revert the change, or make the cluster again: pulumi destroy, then pulumi up'
    say 'applying changed settings to the control plane'
    quietly 'writing the manifests' "$next" kubeadm init phase control-plane all --config "$wanted"
    quietly 'storing the settings' "$next" kubeadm init phase upload-config all --config "$wanted"
    for part in kube-apiserver kube-controller-manager kube-scheduler; do
        until_true 180 "$part runs with its new arguments" runs_as_written "$part"
    done
    until_true 180 'the API server is ready' kubectl get --raw /readyz
    until_true 60 'every secret is written again' write_secrets_again
}

if [ -e "$done_folder/initialised" ]; then
    keep_release "$documents"
    keep_release "$wanted"
fi
if [ ! -e "$done_folder/initialised" ]; then
    next='fix the cause and run pulumi up again: it starts over'
    quietly 'kubeadm config validate' "$next" kubeadm config validate --config "$wanted"
    if compgen -G '/etc/kubernetes/pki/*' > /dev/null || compgen -G '/etc/kubernetes/manifests/*' > /dev/null ||
        [ -d /var/lib/etcd/member ]; then
        say 'an earlier kubeadm init was cut off: starting over'
        quietly 'kubeadm reset' "$next" kubeadm reset --force
    fi
    say 'kubeadm init'
    quietly 'kubeadm init' "$next" kubeadm init --config "$wanted" --skip-token-print
    touch "$done_folder/initialised"
elif ! cmp -s "$documents" "$wanted"; then
    apply_documents
fi
mv "$wanted" "$documents"
until_true 120 'the API server is ready' kubectl get --raw /readyz
say 'the control plane is ready'
public_key_hash < /etc/kubernetes/pki/ca.crt
