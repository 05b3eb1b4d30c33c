#!/bin/bash
# Installs what a node needs from upstream, on Rocky Linux 9: packages from signed repositories, tools by checked download.
#
# usage: install-online.sh ARCH KUBERNETES CONTAINERD CILIUM_CLI HUBBLE K9S TERMSHARK
#   ARCH  amd64 or arm64; the others are versions, x.y.z
. "$(dirname "$0")/lib.sh"
arch=$1 kubernetes=$2 containerd=$3 cilium_cli=$4 hubble=$5 k9s=$6 termshark=$7
alone

# signed_repository NAME URL KEY: packages from it are checked against KEY
signed_repository() {
    put "/etc/yum.repos.d/$1.repo" << CONF || true
[$1]
name=$1
baseurl=$2
enabled=1
gpgcheck=1
gpgkey=$3
CONF
}
packages=https://pkgs.k8s.io/core:/stable:/v${kubernetes%.*}/rpm
docker=https://download.docker.com/linux/rhel
signed_repository kubernetes "$packages/" "$packages/repodata/repomd.xml.key"
signed_repository docker-ce "$docker/9/\$basearch/stable" "$docker/gpg"

say "installing Kubernetes $kubernetes and containerd $containerd"
quietly 'dnf install' 'see that the repositories are reached' \
    dnf install -y "kubeadm-$kubernetes" "kubelet-$kubernetes" "kubectl-$kubernetes" "containerd.io-$containerd" \
    conntrack-tools socat ethtool iproute-tc jq tar tcpdump wireshark-cli

# tool NAME VERSION URL SUMS: one program out of a release archive, checked against the sums that upstream publishes
tool() {
    local name=$1 version=$2 url=$3 sums=$4 mark=$done_folder/$1 expected seen
    if [ "$(cat "$mark" 2> /dev/null)" = "$version" ]; then return; fi
    say "downloading $name $version"
    rm -rf "${downloads:?}"/*
    download "$url" "$downloads/archive"
    download "$sums" "$downloads/sums"
    expected=$(awk -v file="${url##*/}" '$2 == file {print $1}' "$downloads/sums")
    seen=$(sha256sum "$downloads/archive" | cut -d ' ' -f 1)
    [ "$seen" = "$expected" ] || fail "checking $url" "sha256 ${expected:-published at $sums}" "sha256 $seen" \
        'run pulumi up again; if it stays so, do not use this release'
    tar -xzf "$downloads/archive" -C "$downloads"
    install -m 755 "$(find "$downloads" -type f -name "$name" | head -n 1)" "/usr/local/bin/$name"
    echo "$version" > "$mark"
}
download() {
    curl --fail --location --silent --show-error --output "$2" "$1" ||
        fail "downloading $1" 'exit status 0' "curl's words above" 'see that the host reaches it'
}
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
github=https://github.com
mkdir -p "$done_folder"
cilium_archive=$github/cilium/cilium-cli/releases/download/v$cilium_cli/cilium-linux-$arch.tar.gz
tool cilium "$cilium_cli" "$cilium_archive" "$cilium_archive.sha256sum"
hubble_archive=$github/cilium/hubble/releases/download/v$hubble/hubble-linux-$arch.tar.gz
tool hubble "$hubble" "$hubble_archive" "$hubble_archive.sha256sum"
k9s_release=$github/derailed/k9s/releases/download/v$k9s
tool k9s "$k9s" "$k9s_release/k9s_Linux_$arch.tar.gz" "$k9s_release/checksums.sha256"
termshark_release=$github/gcla/termshark/releases/download/v$termshark
termshark_arch=$([ "$arch" = amd64 ] && echo x64 || echo arm64)
tool termshark "$termshark" "$termshark_release/termshark_${termshark}_linux_$termshark_arch.tar.gz" \
    "$termshark_release/termshark_${termshark}_checksums.txt"
say 'programs are in place'
