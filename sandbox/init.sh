#!/bin/bash
# PID 1 of the sandbox. Called as: init.sh STATE CGROUP (in fresh network, mount and PID namespaces, whose /proc is still
# the machine's), then again by itself as: init.sh STATE CGROUP inside (in a cgroup namespace as well).
#
# Nothing is mounted in the machine's own mount namespace, and the only cgroups made are those named CGROUP below the
# caller's own, one in each hierarchy. When this process ends, the kernel ends every process of the sandbox, and with the
# last of them the mounts, links, addresses and routes are gone.
set -eu
state=$1 cgroup=$2

enter_own_cgroups() {
    local membership ctl path mount dir
    membership=$(cat /proc/self/cgroup) # as a whole, before the first move changes it
    while IFS=: read -r _ ctl path; do
        case $ctl in
            '')
                # the unified hierarchy: at its root where the machine has no other (a cgroup that holds processes
                # cannot hand controllers to its children, the root can), else below the caller's
                if [ -e /sys/fs/cgroup/cgroup.controllers ]; then mount='' path=/; else mount=unified; fi
                ;;
            name=*) mount=${ctl#name=} ;;
            *) mount=$ctl ;;
        esac
        dir=/sys/fs/cgroup/${mount:+$mount}${path%/}
        [ -e "$dir/cgroup.procs" ] || continue
        dir=$dir/$cgroup
        mkdir -p "$dir"
        if [ "$ctl" = cpuset ]; then
            cat "${dir%/*}/cpuset.cpus" > "$dir/cpuset.cpus"
            cat "${dir%/*}/cpuset.mems" > "$dir/cpuset.mems"
        fi
        echo 0 > "$dir/cgroup.procs"
        echo "$dir" >> "$state/cgroups"
    done <<< "$membership"
}

mount_own_views() {
    local name controllers
    mount -t proc proc /proc
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        umount -R /sys/fs/cgroup
        mount -t sysfs sysfs /sys
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        # processes move to a leaf, so that the sandbox's own root may hand its controllers on
        mkdir -p /sys/fs/cgroup/sandbox
        echo 1 > /sys/fs/cgroup/sandbox/cgroup.procs
        read -ra controllers < /sys/fs/cgroup/cgroup.controllers
        for name in "${controllers[@]}"; do
            echo "+$name" > /sys/fs/cgroup/cgroup.subtree_control || echo "sandbox: no cgroup controller $name"
        done
        if [ -e /sys/fs/cgroup/sandbox/cpu.weight ]; then echo 25 > /sys/fs/cgroup/sandbox/cpu.weight; fi
    else
        umount -R /sys/fs/cgroup
        mount -t sysfs sysfs /sys
        mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
        # without a `unified` folder libvirt 9 takes its v1 path; the hosts mount that hierarchy themselves
        for name in cpu cpuacct cpuset memory devices freezer blkio; do
            mkdir "/sys/fs/cgroup/$name"
            mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name"
        done
        # Pulumi and its programs share the processors with the hosts, which on a workstation have their own: where both
        # want more than there is, the hosts get four times as much (their group has 1024). Without a group of its own
        # each process that looks at the cluster would count as much as all four hosts together.
        mkdir -p /sys/fs/cgroup/cpu/clients # it is there after a sandbox that was killed
        echo 256 > /sys/fs/cgroup/cpu/clients/cpu.shares
        mkdir /sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    fi
    # A /run of its own: two sandboxes may be open at once, and libvirt gets no scopes from the machine's service manager.
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/lock
    for name in lib:/var/lib/libvirt etc:/etc/libvirt log:/var/log/libvirt cache:/var/cache/libvirt; do
        mkdir -p "$state/libvirt/${name%%:*}" "${name#*:}"
        mount --bind "$state/libvirt/${name%%:*}" "${name#*:}"
    done
}

# libvirt's QEMU driver looks this account up before it reads its settings; the machine may not have it
add_libvirt_account() {
    local file line
    for line in passwd:libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin group:libvirt-qemu:x:64055:; do
        file=${line%%:*}
        if grep -q ^libvirt-qemu: "/etc/$file"; then continue; fi
        { cat "/etc/$file"; echo "${line#*:}"; } > "$state/$file"
        mount --bind "$state/$file" "/etc/$file"
    done
}

configure_libvirt() {
    mkdir -p /run/libvirt /var/lib/libvirt/{images,qemu,dnsmasq,boot,network,lxc} /etc/libvirt/{qemu/networks,lxc,storage}
    cat > /etc/libvirt/libvirtd.conf <<'CONF'
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
CONF
    cat > /etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
cgroup_controllers = [ ]
security_driver = "none"
remember_owner = 0
namespaces = [ ]
CONF
    echo 'security_driver = "none"' > /etc/libvirt/lxc.conf
}

if [ "${3-}" != inside ]; then
    read -r pid _ < /proc/self/stat
    : > "$state/cgroups"
    enter_own_cgroups
    echo "$pid" > "$state/pid"
    exec unshare --cgroup "$0" "$state" "$cgroup" inside
fi

mount_own_views
: > "$state/entrance" # who came in earlier would hold the machine's views, and join the machine's cgroups
add_libvirt_account
configure_libvirt
ip link set lo up
virtlogd --daemon
libvirtd --daemon

# PID 1 must collect the children that their parents leave behind; bash does so while it waits.
trap 'exit 0' TERM
while :; do
    sleep 3600 &
    wait $! || true
done
