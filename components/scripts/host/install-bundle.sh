#!/bin/bash
# Links a bundle's programs into this host's PATH, and imports its images.
#
# usage: install-bundle.sh BUNDLE
. "$(dirname "$0")/lib.sh"
bundle=$1
alone

[ -f "$bundle/index.json" ] || fail 'no bundle' "$bundle/index.json" 'nothing there' 'build one: ./lab build'
(
    cd "$bundle"
    jq -r '.files | to_entries[] | select(.key | test("^(bin|cni)/")) | "\(.value.sha256)  \(.key)"' index.json |
        sha256sum --check --quiet
) || fail 'the bundle is damaged' 'every file as index.json says' 'the sums above differ' 'build it again: ./lab build'

mkdir -p /opt/cni/bin /usr/local/bin
for program in "$bundle"/bin/*; do
    # a later release of Kubernetes than the bundle's stays
    case $(readlink "/usr/local/bin/${program##*/}") in
        /opt/cilium-lab/kubernetes/*) ;;
        *) ln -sfn "$program" /usr/local/bin/ ;;
    esac
done
ln -sfn "$bundle"/cni/* /opt/cni/bin/

systemctl start containerd
until_true 30 'containerd answers' ctr version
present=$(ctr -n k8s.io images ls -q)
jq -r '.images[] | "\(.ref) \(.file)"' "$bundle/index.json" | while read -r ref file; do
    if ! grep -qxF "$ref" <<< "$present"; then
        say "importing $ref"
        ctr -n k8s.io images import "$bundle/$file" > /dev/null
    fi
done
say 'programs and images are in place'
