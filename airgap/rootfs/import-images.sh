#!/bin/sh
# import-images.sh ROOTFS SCRATCH STATE ARCHIVE...: import image archives into a containerd root.
#
# The caller starts this in mount, network and process namespaces of its own, so the daemon and every mount end with it.
# No container is started, and no cgroup made.
#   ROOTFS   a tree with containerd, or several on top of each other as overlayfs takes them, left as they are
#   SCRATCH  a folder for what containerd writes beside its root
#   STATE    becomes containerd's root (/var/lib/containerd)
set -eu
rootfs=$1 scratch=$2 state=$3
shift 3

mkdir -p "$scratch/upper" "$scratch/work" "$scratch/root"
root=$scratch/root
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/urandom" c 1 9
mkdir -p "$root/var/lib/containerd"
mount --bind "$state" "$root/var/lib/containerd"

# Only what importing needs: the CRI plugin would set up a network and state of its own.
cat >"$root/run/config.toml" <<'CONF'
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
CONF
chroot "$root" containerd --config /run/config.toml --log-level warn &
daemon=$!
tries=0
until chroot "$root" ctr version >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ "$tries" -gt 150 ] || ! kill -0 "$daemon" 2>/dev/null; then
		echo 'containerd: expected an answer within 30 s; its messages are above' >&2
		exit 1
	fi
	sleep 0.2
done
for archive in "$@"; do
	chroot "$root" ctr -n k8s.io images import - <"$archive"
done
chroot "$root" ctr -n k8s.io images ls
kill "$daemon"
wait "$daemon" || true
