#!/bin/bash
# Installs what a node needs from upstream, on Rocky Linux 9: packages from signed repositories, tools by checked download.
#
# usage: install-online.sh < list
# stdin, one a line:
#   repository NAME URL KEY FINGERPRINT    packages come from URL, signed by the key at KEY that has the FINGERPRINT
#   package NAME                           with its version where it has to have one
#   kubernetes NAME                        the same; on a node it is only fetched: its rollout installs it
#   tool NAME VERSION URL SHA256           a release archive with one program in it
#   tool NAME VERSION URL from SUMS        the same, compared with the list that its publisher keeps at SUMS
. "$(dirname "$0")/lib.sh"
list=$(cat)
alone
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$done_folder"

download() {
    curl --fail --location --silent --show-error --output "$2" "$1" ||
        fail "downloading $1" 'exit status 0' "curl's words above" 'check that the host reaches it'
}

# Only this script installs from the repository (exclude=*): `dnf upgrade` on a node leaves Kubernetes as it is.
repository() {
    local name=$1 url=$2 key=$3 expected=$4 file=/etc/pki/rpm-gpg/cilium-lab-$1 seen
    if [ "$(cat "$done_folder/key-$name" 2> /dev/null)" != "$expected" ] || [ ! -e "$file" ]; then
        download "$key" "$work/key"
        # of all keys in the file, and of each the main one
        seen=$(gpg --homedir "$work" --batch --quiet --show-keys --with-colons "$work/key" |
            awk -F : '$1 == "pub" {main = 1} $1 == "fpr" && main {print $10; main = 0}') || seen=''
        [ "$seen" = "$expected" ] || fail "checking $key" "one key, $expected" "${seen:-no key}" \
            'do not use this repository before its publisher announces another key'
        put "$file" < "$work/key" || true
        echo "$expected" > "$done_folder/key-$name"
    fi
    put "/etc/yum.repos.d/$name.repo" << CONF || true
[$name]
name=$name
baseurl=$url
enabled=1
gpgcheck=1
gpgkey=file://$file
exclude=*
CONF
}

tool() {
    local name=$1 version=$2 url=$3 sum=$4 sums=${5:-} mark=$done_folder/$1 expected seen
    if [ "$(cat "$mark" 2> /dev/null)" = "$version $sum" ]; then return; fi
    say "downloading $name $version"
    expected=$sum
    if [ "$sum" = from ]; then
        say "no sum of $name $version is known here: comparing it with $sums"
        download "$sums" "$work/sums"
        expected=$(awk -v file="${url##*/}" '$2 == file {print $1}' "$work/sums")
    fi
    download "$url" "$work/archive"
    seen=$(sha256sum "$work/archive" | cut -d ' ' -f 1)
    [ "$seen" = "$expected" ] || fail "checking $url" "sha256 ${expected:-published at $sums}" "sha256 $seen" \
        'run pulumi up again; if it stays so, do not use this release'
    rm -rf "$work/files"
    mkdir "$work/files"
    tar -xzf "$work/archive" -C "$work/files"
    install -m 755 "$(find "$work/files" -type f -name "$name" | head -n 1)" "/usr/local/bin/$name"
    echo "$version $sum" > "$mark"
}

packages=() kubernetes=()
while read -r kind words; do
    read -ra word <<< "$words"
    case $kind in
        repository) repository "${word[@]}" ;;
        package) packages+=("${word[@]}") ;;
        kubernetes) kubernetes+=("${word[@]}") ;;
    esac
done <<< "$list"
if [ -e /etc/kubernetes/kubelet.conf ] && ! rpm -q "${kubernetes[@]}" > /dev/null; then
    say "fetching ${kubernetes[*]}"
    quietly 'dnf install --downloadonly' 'check that the host reaches the repositories' \
        dnf install -y --downloadonly --disableexcludes=all "${kubernetes[@]}"
else
    packages=("${kubernetes[@]}" "${packages[@]}")
fi
say "installing ${packages[*]}"
quietly 'dnf install' 'check that the host reaches the repositories' \
    dnf install -y --disableexcludes=all "${packages[@]}"
systemctl enable -q --now chronyd
while read -r kind words; do
    read -ra word <<< "$words"
    if [ "$kind" = tool ]; then tool "${word[@]}"; fi
done <<< "$list"
say 'programs are in place'
