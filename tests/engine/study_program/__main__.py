"""What the study does by hand: kubeadm with its pod range, then `helm install` with the values of its notes."""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_command import local

KUBEADM = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.33.3
networking: {podSubnet: 192.168.0.0/16, serviceSubnet: 10.96.0.0/12}
proxy: {disabled: true}
"""
VALUES = {
    "k8sServiceHost": "172.31.1.10",
    "k8sServicePort": 6443,
    "ipam": {"mode": "kubernetes"},
    "k8s": {"requireIPv4PodCIDR": True},
    "ipv4NativeRoutingCIDR": "10.244.0.0/16",
    "routingMode": "native",
    "autoDirectNodeRoutes": True,
    "endpointRoutes": {"enabled": True},
    "kubeProxyReplacement": True,
    "bpf": {"masquerade": True},
    "installNoConntrackIptablesRules": True,
    "endpointHealthChecking": {"enabled": False},
    "healthChecking": False,
    "hubble": {
        "enabled": True,
        "relay": {"enabled": True},
        "ui": {"enabled": True, "service": {"type": "NodePort", "nodePort": 30003}},
        "metrics": {"enableOpenMetrics": True, "enabled": ["dns", "drop", "tcp", "flow", "port-distribution", "icmp"]},
    },
    "prometheus": {"enabled": True},
    "operator": {"replicas": 1, "prometheus": {"enabled": True}},
    "debug": {"enabled": True},
}

init = local.Command("init", create="cat", stdin=KUBEADM)
provider = kubernetes.Provider("cluster", kubeconfig=init.stdout)
kubernetes.helm.v3.Release(
    "cilium",
    name="cilium",
    namespace="kube-system",
    chart="cilium",
    version="1.17.6",
    repository_opts={"repo": "https://helm.cilium.io/"},
    values=VALUES,
    opts=pulumi.ResourceOptions(provider=provider),
)
