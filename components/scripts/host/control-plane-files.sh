#!/bin/bash
# Puts in place what the API server reads beside kubeadm's own files, and makes the key that encrypts secrets in etcd.
#
# usage: control-plane-files.sh FOLDER AUDIT_FOLDER < bundle of files
#
# The key is made here, once, and never leaves this host: the program that made the host does not have it either.
. "$(dirname "$0")/lib.sh"
folder=$1 logs=$2
files=$(mktemp -d -p /run)
trap 'rm -rf "$files"' EXIT
unpack "$files"
alone

install -d -m 700 "$folder" "$logs"
if [ ! -e "$folder/encryption.yaml" ]; then
    say 'making the key that encrypts secrets'
    # Written beside its place first: half a file would be half a key.
    (umask 077 && cat > "$folder/encryption.yaml.new") << YAML
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - secretbox: {keys: [{name: made-here, secret: "$(head -c 32 /dev/urandom | base64)"}]}
      # what was written before there was a key can still be read
      - identity: {}
YAML
    mv "$folder/encryption.yaml.new" "$folder/encryption.yaml"
fi

changed=''
for path in "$files"/*; do
    name=$(basename "$path")
    if put "$folder/$name" 600 < "$files/$name"; then changed=yes; fi
done
# The API server reads its audit policy when it starts.
if [ "$changed" ] && grep -qs "$folder" /etc/kubernetes/manifests/kube-apiserver.yaml; then
    say 'restarting the API server'
    crictl ps --quiet --name '^kube-apiserver$' | xargs --no-run-if-empty crictl stop --timeout 30 > /dev/null
    until_true 120 'the API server is ready' kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz
fi
say 'the API server has its files'
