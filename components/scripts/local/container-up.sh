#!/bin/bash
# Brings one system container up, on the machine that libvirt's LXC driver runs on.
#
# usage: container-up.sh URI NAME FOLDER ROOTFS SEED [IDENTITY] < bundle of files
#   FOLDER  what is the container's own lies here: the upper layer, its data, the identity
#   ROOTFS  the root file system that all containers share, the lower layer
#   SEED    a containerd root with the images in it, or - for none
#   IDENTITY  of the stack; a domain or a folder of another one's is an error. A command that an earlier version left in
#             the state has none
# stdin: base64 of a tar with domain.xml, root/ (the files that make this container this host) and birth/ (its first
# keys: later ones come over SSH, beside those that are in use).
#
# Can be run again after it was stopped anywhere; a container that runs is left running.
set -euo pipefail
uri=$1 name=$2 folder=$3 rootfs=$4 seed=$5 identity=${6-}
umask 077
. "$(dirname "$0")/owner.sh"

# usage: refuse WHAT WHY NEXT
refuse() {
    printf '%s\n  expected: %s\n  seen: %s\n  next: %s\n' \
        "$1" 'none of that name, or one that this stack made (hosts[].name)' "$2" "$3" >&2
    exit 1
}
whose=$(whose "$uri" "$name" "$identity" "$folder")
case $whose in
    nobody | ours) ;;
    *)
        refuse "domain $name of $uri" "$whose" \
            "destroy that stack first, or rename the domain (virsh -c $uri domrename $name NEW-NAME, while it is off)"
        ;;
esac
if [ -n "$identity" ]; then
    mkdir -p "$folder"
    if [ ! -s "$folder/owner" ]; then
        echo "$identity" > "$folder/owner.new"
        mv "$folder/owner.new" "$folder/owner"
    elif [ "$(< "$folder/owner")" != "$identity" ]; then
        refuse "folder $folder of container $name" "it belongs to the stack with identity $(< "$folder/owner")" \
            'destroy that stack first, or remove the folder if that stack is no more'
    fi
fi

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
base64 -d | tar -x -C "$files"

"$(dirname "$0")/container-mount.sh" "$name" "$folder" "$rootfs"
# these three cannot lie on an overlay, because what they hold is mounted as one again
mkdir -p "$folder"/data/{containerd,kubelet,etcd}
cp -a --no-preserve=ownership "$files/root/." "$folder/root/"
if [ ! -e "$folder/born" ]; then
    cp -a --no-preserve=ownership "$files/birth/." "$folder/root/"
    touch "$folder/born"
fi

# Content and committed snapshots are never written to, so they are shared by hard links; the databases are copied.
# The last copy marks the seed as whole.
if [ "$seed" != - ] && [ ! -e "$folder/data/containerd/.seeded" ]; then
    rm -rf "$folder/data/containerd"
    mkdir -p "$folder/data/containerd"
    cp -al "$seed/." "$folder/data/containerd/" 2> /dev/null || cp -a "$seed/." "$folder/data/containerd/"
    find "$folder/data/containerd" -type f -name '*.db' | while read -r database; do
        cp --preserve=mode "$database" "$database.own"
        mv "$database.own" "$database"
    done
    touch "$folder/data/containerd/.seeded"
fi

virsh -q -c "$uri" define "$files/domain.xml" > /dev/null
"$(dirname "$0")/container-start.sh" "$uri" "$name"
