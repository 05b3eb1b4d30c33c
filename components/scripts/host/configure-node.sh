#!/bin/bash
# Prepares a host to be a Kubernetes node: kernel settings, no swap, containerd, the kubelet's unit.
#
# usage: configure-node.sh CGROUP_DRIVER PAUSE_IMAGE
#   CGROUP_DRIVER  systemd, or cgroupfs in a container
. "$(dirname "$0")/lib.sh"
driver=$1 pause=$2
alone

# A kernel without modules has nothing to load; kubeadm's preflight reports what it lacks.
if [ -e /proc/modules ]; then
    put /etc/modules-load.d/cilium-lab.conf <<< $'overlay\nbr_netfilter' || true
    modprobe -a overlay br_netfilter
fi
if put /etc/sysctl.d/90-cilium-lab.conf << 'CONF'; then
# pods are routed through their node
net.ipv4.ip_forward = 1
# the address of a pod is reached through one interface and answered through another
net.ipv4.conf.all.rp_filter = 0
net.ipv4.conf.default.rp_filter = 0
CONF
    sysctl -q -p /etc/sysctl.d/90-cilium-lab.conf
fi
# kubelet does not start without these (protectKernelDefaults); in a container the values are those of its machine.
if [ "$driver" = systemd ] && put /etc/sysctl.d/91-cilium-lab-kubelet.conf << 'CONF'; then
vm.overcommit_memory = 1
vm.panic_on_oom = 0
kernel.panic = 10
kernel.panic_on_oops = 1
kernel.keys.root_maxkeys = 1000000
kernel.keys.root_maxbytes = 25000000
CONF
    sysctl -q -p /etc/sysctl.d/91-cilium-lab-kubelet.conf
fi
# A container cannot switch off its machine's swap; kubelet tolerates it there (failSwapOn).
if [ "$driver" = systemd ] && [ "$(wc -l < /proc/swaps)" -gt 1 ]; then
    swapoff -a
    sed -i -E 's/^([^#].*[[:space:]]swap[[:space:]].*)$/# cilium-lab: \1/' /etc/fstab
fi

runc=''
if [ -x /usr/local/sbin/runc-lab ]; then runc='BinaryName = "/usr/local/sbin/runc-lab"'; fi
confined=false
if [ "$driver" = cgroupfs ]; then confined=true; fi
if put /etc/containerd/config.toml << CONF; then
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause"
  # in a container the kernel refuses to lower a score, and there is no AppArmor to load profiles into
  restrict_oom_score_adj = $confined
  disable_apparmor = $confined
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = $([ "$driver" = systemd ] && echo true || echo false)
      $runc
CONF
    systemctl restart containerd
fi
put /etc/crictl.yaml << 'CONF' || true
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
CONF

kubelet=$(command -v kubelet) || fail 'no kubelet' 'kubelet on the PATH' "$PATH" 'install the programs first'
if [ ! -e /usr/lib/systemd/system/kubelet.service ] && put /etc/systemd/system/kubelet.service << CONF; then
[Unit]
Description=kubelet: the Kubernetes node agent
Wants=containerd.service network-online.target
After=containerd.service network-online.target
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=$kubelet \$KUBELET_KUBECONFIG_ARGS \$KUBELET_CONFIG_ARGS \$KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
CONF
    systemctl daemon-reload
fi
for unit in /etc/systemd/system/kubelet.service /usr/lib/systemd/system/kubelet.service \
    /usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf; do
    if [ -e "$unit" ]; then chmod 600 "$unit"; fi
done
systemctl enable -q containerd kubelet
systemctl start containerd
say 'prepared to be a node'
