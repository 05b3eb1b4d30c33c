#!/bin/sh
# in-tree.sh TREE LOWER APT COMMAND...: run a command with a Debian tree as its root.
#
# The caller starts this in mount, process and network namespaces of its own (see debian.py), so every mount made here
# ends with the command, and none is visible outside.
#   TREE   the tree, or the folder that receives what the command changes in LOWER
#   LOWER  a finished tree that stays as it is, or "-"
#   APT    a folder shown inside as /run/apt (package lists and archives), or "-"
set -eu
tree=$1 lower=$2 apt=$3
shift 3

root=$tree
if [ "$lower" != - ]; then
	root=$tree.merged
	mkdir -p "$root" "$tree.work"
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$tree,workdir=$tree.work" "$root"
fi

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
ln -s /proc/self/fd "$root/dev/fd"
if [ "$apt" != - ]; then
	mkdir "$root/run/apt"
	mount --bind "$apt" "$root/run/apt"
fi

# Maintainer scripts must not start services here; the file is Debian's own switch for that.
policy=$root/usr/sbin/policy-rc.d
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

status=0
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
	DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1752537600 chroot "$root" "$@" || status=$?
rm -f "$policy"
exit "$status"
