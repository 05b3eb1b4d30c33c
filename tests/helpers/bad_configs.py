"""Wrong configurations, each with the option that the message must name and words that it must contain."""

from __future__ import annotations

from typing import Any

CP = {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10"}
W1 = {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"}
W2 = {"name": "k8s-w2", "role": "worker", "address": "172.31.1.12"}
ROUTER = {"name": "router", "role": "router", "address": "172.31.1.20"}


def hosts(*changed: dict[str, Any]) -> dict[str, Any]:
    """The seed's hosts with some of them changed, found by name."""
    by_name = {host["name"]: dict(host) for host in (CP, W1, W2, ROUTER)}
    for change in changed:
        by_name[change["name"]].update(change)
    return {"hosts": list(by_name.values())}


def worker(**changed: Any) -> dict[str, Any]:
    return hosts({"name": "k8s-w1", **changed})


def pool(*cidrs: object, **more: Any) -> dict[str, Any]:
    return {"clusterPool": {"cidrs": list(cidrs), **more}}


def links(*named: tuple[str, str]) -> dict[str, Any]:
    return {"routerNetwork": {"links": [{"name": name, "address": address} for name, address in named]}}


def values(**given: Any) -> dict[str, Any]:
    return {"ciliumValues": given}


# configuration, the option that the message must name, and words that it must contain
BAD: list[tuple[dict[str, Any], str, str]] = [
    # modes
    ({"ipamMode": "eni"}, "ipamMode", "AWS"),
    ({"ipamMode": "azure"}, "ipamMode", "Azure"),
    ({"ipamMode": "gke"}, "ipamMode", "GKE"),
    ({"ipamMode": "alibabacloud"}, "ipamMode", "Alibaba"),
    ({"ipamMode": "crd"}, "ipamMode", "CiliumNode"),
    ({"ipamMode": "delegated-plugin"}, "ipamMode", "CNI plugin"),
    ({"ipamMode": "cluster_pool"}, "ipamMode", "not one of kubernetes, cluster-pool, multi-pool"),
    ({"ipamMode": "Kubernetes"}, "ipamMode", "not one of"),
    ({"ipamMode": ""}, "ipamMode", "not one of"),
    ({"ipamMode": None}, "ipamMode", "not a text"),
    ({"ipamMode": ["kubernetes"]}, "ipamMode", "not a text"),
    # unknown options
    ({"ipamode": "kubernetes"}, "ipamode", "did you mean ipamMode?"),
    ({"PodCidr": "192.168.0.0/16"}, "PodCidr", "did you mean podCidr?"),
    ({"zzz": 1}, "zzz", "known here: addons"),
    ({"clusterPool": {"cidr": ["172.20.0.0/16"]}}, "clusterPool.cidr", "did you mean cidrs?"),
    ({"nodeNetwork": {"gatway": "172.31.0.2"}}, "nodeNetwork.gatway", "did you mean gateway?"),
    ({"addons": {"hubbleUI": True}}, "addons.hubbleUI", "did you mean hubbleUi?"),
    ({"versions": {"kubernets": "1.33.0"}}, "versions.kubernets", "did you mean kubernetes?"),
    (worker(memory=4096), "hosts[1].memory", "did you mean memoryMiB?"),
    (worker(mac="52:54:00:00:00:01"), "hosts[1].mac", "is not an option"),
    # types
    ({"podCidr": 19216800}, "podCidr", "not a text"),
    ({"debug": "yes"}, "debug", "not true or false"),
    ({"debug": 1}, "debug", "not true or false"),
    ({"addons": {"storage": "true"}}, "addons.storage", "not true or false"),
    ({"addons": "all"}, "addons", "not an object"),
    ({"addons": []}, "addons", "not an object"),
    ({"hosts": {"k8s-cp": {}}}, "hosts", "not a list"),
    ({"hosts": ["k8s-cp"]}, "hosts[0]", "not an object"),
    ({"hosts": "k8s-cp"}, "hosts", "not a list"),
    ({"clusterPool": ["172.20.0.0/16"]}, "clusterPool", "not an object"),
    ({"clusterPool": {"cidrs": "172.20.0.0/16"}}, "clusterPool.cidrs", "not a list"),
    (pool(24), "clusterPool.cidrs[0]", "not a text"),
    (pool("172.20.0.0/16", maskSize="24"), "clusterPool.maskSize", "not a whole number"),
    (pool("172.20.0.0/16", maskSize=24.0), "clusterPool.maskSize", "not a whole number"),
    (pool("172.20.0.0/16", maskSize=True), "clusterPool.maskSize", "not a whole number"),
    ({"nodePorts": {"grafana": "30002"}}, "nodePorts.grafana", "not a whole number"),
    ({"nodePorts": 30001}, "nodePorts", "not an object"),
    (worker(cpus="2"), "hosts[1].cpus", "not a whole number"),
    (worker(memoryMiB=2048.5), "hosts[1].memoryMiB", "not a whole number"),
    ({"migration": {"probe": "on"}}, "migration.probe", "not true or false"),
    ({"migration": {"probe": True}}, "migration.probe", "come with the bundle alone"),
    ({"migration": {"recreate": "default/mine"}}, "migration.recreate", "not a list"),
    ({"migration": {"recreate": ["mine"]}}, "migration.recreate[0]", "namespace/name"),
    ({"migration": {"recreate": ["default/Mine"]}}, "migration.recreate[0]", "namespace/name"),
    ({"ciliumValues": "bpf.masquerade=true"}, "ciliumValues", "not an object"),
    ({"hypervisors": [{"name": "a", "uri": 1}]}, "hypervisors[0].uri", "not a text"),
    # ranges
    ({"podCidr": "192.168.0.0"}, "podCidr", "no prefix length"),
    ({"podCidr": "192.168.0.0/255.255.0.0"}, "podCidr", "no prefix length"),
    ({"podCidr": "192.168.1.0/16"}, "podCidr", "behind its prefix"),
    ({"podCidr": "192.168.0.0/33"}, "podCidr", "not an IPv4 range"),
    ({"podCidr": "192.168.0/16"}, "podCidr", "not an IPv4 range"),
    ({"podCidr": "fd00::/104"}, "podCidr", "not an IPv4 range"),
    ({"podCidr": " 192.168.0.0/16"}, "podCidr", "not an IPv4 range"),
    ({"podCidr": ""}, "podCidr", "not an IPv4 range"),
    ({"podCidr": "0.0.0.0/0"}, "podCidr", "unicast"),
    ({"podCidr": "127.0.0.0/16"}, "podCidr", "unicast"),
    ({"podCidr": "224.0.0.0/16"}, "podCidr", "unicast"),
    ({"podCidr": "169.254.0.0/16"}, "podCidr", "unicast"),
    ({"podCidr": "192.168.0.0/25"}, "podCidr", "smaller than one node's pod CIDR"),
    ({"podCidr": "96.0.0.0/7"}, "podCidr", "has over 2^16 pod CIDRs"),
    ({"podCidr": "192.168.0.0/23"}, "podCidr", "for each of the 3 nodes"),
    ({"podCidr": "172.31.0.0/16"}, "podCidr", "overlaps nodeNetwork.cidr 172.31.0.0/20"),
    ({"podCidr": "10.10.0.0/16"}, "podCidr", "overlaps routerNetwork.cidr"),
    ({"podCidr": "10.96.0.0/16"}, "podCidr", "overlaps serviceCidr"),
    ({"podCidr": "172.20.0.0/16"}, "clusterPool.cidrs[0]", "overlaps podCidr"),
    ({"serviceCidr": "10.0.0.0/8"}, "serviceCidr", "overlaps routerNetwork.cidr"),
    ({"serviceCidr": "172.31.8.0/24"}, "serviceCidr", "overlaps nodeNetwork.cidr"),
    ({"serviceCidr": "11.0.0.0/11"}, "serviceCidr", "prefix length of 12 to 28"),
    ({"serviceCidr": "10.96.0.0/29"}, "serviceCidr", "prefix length of 12 to 28"),
    ({"routerNetwork": {"cidr": "172.16.0.0/12"}}, "routerNetwork.cidr", "overlaps nodeNetwork.cidr"),
    ({"samplePool": "172.21.0.0/16"}, "samplePool", "the mode kubernetes has one pool"),
    ({"ipamMode": "multi-pool", "samplePool": "172.20.0.0/17"}, "samplePool", "overlaps clusterPool.cidrs[0]"),
    ({"ipamMode": "multi-pool", "samplePool": "172.21.0.0/23"}, "samplePool", "for each of the 3 nodes"),
    ({"ipamMode": "multi-pool", "samplePool": "172.21.0.0/25"}, "samplePool", "smaller than one node's pod CIDR"),
    # the pool
    (pool(), "clusterPool.cidrs", "is empty"),
    (pool("172.20.0.0/16", maskSize=25), "clusterPool.maskSize", "node mask"),
    (pool("172.20.0.0/16", maskSize=16), "clusterPool.maskSize", "node mask"),
    (pool("172.20.0.0/16", maskSize=0), "clusterPool.maskSize", "not between 1 and 32"),
    (pool("172.20.0.0/16", "172.20.128.0/17"), "clusterPool.cidrs[1]", "overlaps clusterPool.cidrs[0]"),
    (pool("172.20.0.0/16", "172.20.0.0/16"), "clusterPool.cidrs[1]", "overlaps clusterPool.cidrs[0]"),
    (pool("192.168.128.0/17"), "clusterPool.cidrs[0]", "overlaps podCidr"),
    (pool("172.31.0.0/20"), "clusterPool.cidrs[0]", "overlaps nodeNetwork.cidr"),
    (pool("10.100.0.0/16"), "clusterPool.cidrs[0]", "overlaps serviceCidr"),
    (pool("172.20.0.0/25"), "clusterPool.cidrs[0]", "smaller than one node's pod CIDR"),
    (pool("172.20.0.0/23"), "clusterPool.cidrs", "for each of the 3 nodes"),
    (pool("172.20.0.0/24", "172.21.0.0/24"), "clusterPool.cidrs", "for each of the 3 nodes"),
    (pool("172.20.0.1/16"), "clusterPool.cidrs[0]", "behind its prefix"),
    (pool("172.20.0.0/16", "nonsense"), "clusterPool.cidrs[1]", "not an IPv4 range"),
    # the node network
    ({"nodeNetwork": {"gateway": "172.31.16.1"}}, "nodeNetwork.gateway", "nodeNetwork.cidr 172.31.0.0/20"),
    ({"nodeNetwork": {"gateway": "172.31.0.0"}}, "nodeNetwork.gateway", "not an address that a host may have"),
    ({"nodeNetwork": {"gateway": "172.31.15.255"}}, "nodeNetwork.gateway", "not an address that a host may have"),
    ({"nodeNetwork": {"gateway": "172.31.0.2/20"}}, "nodeNetwork.gateway", "without prefix length"),
    ({"nodeNetwork": {"gateway": "127.0.0.1"}}, "nodeNetwork.gateway", "unicast"),
    ({"nodeNetwork": {"cidr": "172.30.0.0/20"}}, "nodeNetwork.gateway", "nodeNetwork.cidr 172.30.0.0/20"),
    ({"nodeNetwork": {"bridge": "a-bridge-with-a-long-name"}}, "nodeNetwork.bridge", "15 characters"),
    ({"nodeNetwork": {"bridge": "br/lab"}}, "nodeNetwork.bridge", "network link"),
    ({"nodeNetwork": {"bridge": "lab-outer"}}, "routerNetwork.bridge", "bridge of nodeNetwork"),
    # the router's network
    ({"routerNetwork": {"address": "10.11.0.1"}}, "routerNetwork.address", "routerNetwork.cidr 10.10.0.0/16"),
    ({"routerNetwork": {"address": "10.10.255.255"}}, "routerNetwork.address", "not an address that a host"),
    (links(("l1", "10.11.1.200/24")), "routerNetwork.links[0].address", "routerNetwork.cidr"),
    (links(("l1", "10.10.10.10/24")), "routerNetwork.links[0].address", "is in use"),
    (links(("l1", "10.10.1.200")), "routerNetwork.links[0].address", "with a prefix length"),
    (links(("l1", "10.10.1.0/24")), "routerNetwork.links[0].address", "not an address that a host"),
    (links(("l1", "10.10.1.9/8")), "routerNetwork.links[0].address", "routerNetwork.cidr"),
    (links(("l1", "10.10.1.1/24"), ("l2", "10.10.1.1/24")), "routerNetwork.links[1].address", "is in use"),
    (links(("l1", "10.10.1.1/24"), ("l1", "10.10.2.1/24")), "routerNetwork.links[1].name", "is in use"),
    (links(("ens160", "10.10.1.1/24")), "routerNetwork.links[0].name", "is in use"),
    (links(("lo", "10.10.1.1/24")), "routerNetwork.links[0].name", "is in use"),
    ({"routerNetwork": {"links": [{"address": "10.10.1.1/24"}]}}, "routerNetwork.links[0].name", "is missing"),
    ({"routerNetwork": {"links": ["loop1"]}}, "routerNetwork.links[0]", "not an object"),
    ({"routerNetwork": {"cidr": "11.31.0.0/16", "address": "11.31.1.20", "links": []}}, "routerNetwork.address",
     "hardware address 52:54:00:1f:01:14"),
    # hosts
    ({"hosts": []}, "hosts", "0 hosts have the role control-plane"),
    ({"hosts": [W1, ROUTER]}, "hosts", "0 hosts have the role control-plane"),
    ({"hosts": [CP, ROUTER]}, "hosts", "0 hosts have the role worker"),
    ({"hosts": [CP, W1]}, "hosts", "0 hosts have the role router"),
    ({"hosts": [CP, W1, {**W2, "role": "control-plane"}, ROUTER]}, "hosts", "2 hosts have the role control-plane"),
    ({"hosts": [CP, W1, {**W2, "role": "router"}, ROUTER]}, "hosts", "2 hosts have the role router"),
    (worker(role="master"), "hosts[1].role", "not one of worker, control-plane, router"),
    ({"hosts": [CP, {"name": "k8s-w1", "address": "172.31.1.11"}, ROUTER]}, "hosts[1].role", "is missing"),
    ({"hosts": [CP, {"role": "worker", "address": "172.31.1.11"}, ROUTER]}, "hosts[1].name", "is missing"),
    ({"hosts": [CP, {"role": "worker", "name": "k8s-w1"}, ROUTER]}, "hosts[1].address", "is missing"),
    ({"hosts": [CP, W1, {**W2, "name": "k8s-w1"}, ROUTER]}, "hosts[2].name", "name of hosts[1] as well"),
    ({"hosts": [{**CP, "name": "K8S-CP"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "k8s_cp"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "-cp"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "cp-"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "cp.lab"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "a" * 64}, W1, ROUTER]}, "hosts[0].name", "63 at most"),
    ({"hosts": [{**CP, "name": ""}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    ({"hosts": [{**CP, "name": "cp; reboot"}, W1, ROUTER]}, "hosts[0].name", "RFC 1123"),
    (worker(address="172.31.1.10"), "hosts[1].address", "in use by hosts[0].address"),
    (worker(address="172.31.0.2"), "hosts[1].address", "in use by nodeNetwork.gateway"),
    (worker(address="172.31.0.0"), "hosts[1].address", "not an address that a host may have"),
    (worker(address="172.31.15.255"), "hosts[1].address", "not an address that a host may have"),
    (worker(address="10.0.0.1"), "hosts[1].address", "nodeNetwork.cidr 172.31.0.0/20"),
    (worker(address="172.31.1.11/20"), "hosts[1].address", "without prefix length"),
    (worker(address="k8s-w1"), "hosts[1].address", "not an IPv4 address"),
    (worker(address="172.31.1.011"), "hosts[1].address", "not an IPv4 address"),
    (worker(address="::1"), "hosts[1].address", "not an IPv4 address"),
    (worker(cpus=0), "hosts[1].cpus", "not between 1 and 256"),
    (worker(cpus=-1), "hosts[1].cpus", "not between"),
    (worker(memoryMiB=4), "hosts[1].memoryMiB", "not between 512 and 1048576"),
    (worker(memoryMiB=4294967296), "hosts[1].memoryMiB", "not between"),
    (worker(memoryMiB=800), "hosts[1].memoryMiB", "too little for a worker"),
    (worker(diskGiB=1), "hosts[1].diskGiB", "not between 10"),
    (hosts({"name": "k8s-cp", "cpus": 1}), "hosts[0].cpus", "too few for kubeadm: 2"),
    (hosts({"name": "k8s-cp", "memoryMiB": 1827}), "hosts[0].memoryMiB", "1828 MiB"),
    ({**hosts({"name": "k8s-cp", "memoryMiB": 1699}), "machines": "container"}, "hosts[0].memoryMiB", "1700 MiB"),
    (worker(machine="lxc"), "hosts[1].machine", "not one of vm, container"),
    (worker(machine="container"), "hosts[1].machine", "only the router may differ"),
    ({**worker(machine="vm"), "machines": "container"}, "hosts[1].machine", "only the router may differ"),
    # hypervisors
    (worker(hypervisor="kvm2"), "hosts[1].hypervisor", "not in hypervisors"),
    (worker(hypervisor="local-container"), "hosts[1].hypervisor", "a vm needs qemu://"),
    ({"hypervisors": []}, "hosts[0].hypervisor", "no hypervisor makes a vm"),
    ({"machines": "container", "hypervisors": [{"name": "kvm", "uri": "qemu:///system"}]}, "hosts[0].hypervisor",
     "no hypervisor makes a container"),
    ({"hypervisors": [{"name": "esx", "uri": "esx://host/"}]}, "hypervisors[0].uri", "neither qemu:// nor lxc://"),
    ({"hypervisors": [{"name": "a", "uri": "local"}]}, "hypervisors[0].uri", "not a libvirt URI"),
    ({"hypervisors": [{"name": "a", "uri": "qemu:///system"}, {"name": "a", "uri": "lxc:///system"}]},
     "hypervisors[1].name", "name of hypervisors[0] as well"),
    ({"hypervisors": [{"uri": "qemu:///system"}]}, "hypervisors[0].name", "is missing"),
    ({"machines": "docker"}, "machines", "not one of vm, container"),
    # architecture and datapath
    ({"arch": "riscv64"}, "arch", "not one of amd64, arm64"),
    ({"arch": "x86_64"}, "arch", "not one of amd64, arm64"),
    ({"routingMode": "direct"}, "routingMode", "not one of native, tunnel"),
    ({"tunnelProtocol": "gre"}, "tunnelProtocol", "not one of vxlan, geneve"),
    ({"masquerade": "none"}, "masquerade", "not one of bpf, iptables"),
    ({"ipamMode": "multi-pool", "routingMode": "tunnel"}, "routingMode", "multi-pool in tunnel mode"),
    ({"ipamMode": "multi-pool", "masquerade": "iptables"}, "masquerade", "spare only one"),
    ({"ipamMode": "cluster-pool", "masquerade": "iptables", **pool("172.20.0.0/16", "172.21.0.0/16")}, "masquerade",
     "spare only one"),
    # artifacts
    ({"artifacts": "offline"}, "artifacts", "not one of online, bundle"),
    ({"bundlePath": "bundle"}, "bundlePath", "not an absolute path"),
    ({"rootfsPath": "~/rootfs"}, "rootfsPath", "not an absolute path"),
    ({"seedPath": 1}, "seedPath", "not a text"),
    ({"versions": {"kubernetes": "1.33"}}, "versions.kubernetes", "not a version x.y.z"),
    ({"versions": {"kubernetes": "v1.33.0"}}, "versions.kubernetes", "not a version x.y.z"),
    ({"versions": {"kubernetes": "latest"}}, "versions.kubernetes", "not a version x.y.z"),
    ({"versions": {"kubernetes": "1.33.03"}}, "versions.kubernetes", "not a version x.y.z"),
    ({"versions": {"kubernetes": 1.33}}, "versions.kubernetes", "not a text"),
    ({"versions": {"kubernetes": "1.30.0"}}, "versions.kubernetes", "1.31 or later"),
    ({"versions": {"kubernetes": "1.40.0"}}, "versions.kubernetes", "1.31 or later"),
    ({"versions": {"kubernetes": "2.32.0"}}, "versions.kubernetes", "1.31 or later"),
    ({"versions": {"cilium": "1.18.0"}}, "versions.cilium", "made for 1.17"),
    ({"versions": {"cilium": "stable"}}, "versions.cilium", "not a version"),
    ({"versions": {"k9s": "latest"}}, "versions.k9s", "not a version"),
    ({"images": {"webpod": "traefik/whoami"}}, "images.webpod", "full image reference"),
    ({"images": {"webpod": "docker.io/traefik/whoami"}}, "images.webpod", "not pinned"),
    ({"images": {"webpod": "docker.io/traefik/whoami:latest"}}, "images.webpod", "not pinned"),
    ({"images": {"debug": "docker.io/nicolaka/net shoot:v0.13"}}, "images.debug", "full image reference"),
    ({"images": {"debug": "docker.io/a/b@sha256:abc"}}, "images.debug", "full image reference"),
    ({"images": {"grafana": 9}}, "images.grafana", "not a text"),
    # keys and the control plane
    ({"keyEpoch": 0}, "keyEpoch", "not between 1 and 100"),
    ({"keyEpoch": 101}, "keyEpoch", "not between 1 and 100"),
    ({"keyEpoch": "next"}, "keyEpoch", "not a whole number"),
    ({"kubernetes": {"audit": "loud"}}, "kubernetes.audit", "not true or false"),
    # ports and add-ons
    ({"nodePorts": {"grafana": 80}}, "nodePorts.grafana", "not between 30000 and 32767"),
    ({"nodePorts": {"hubbleUi": 32768}}, "nodePorts.hubbleUi", "not between 30000 and 32767"),
    ({"nodePorts": {"grafana": 30001}}, "nodePorts.grafana", "nodePorts.prometheus as well"),
    ({"nodePorts": {"hubbleUi": 30002}}, "nodePorts.hubbleUi", "nodePorts.grafana as well"),
    ({"addons": {"monitoring": False}}, "addons.grafana", "addons.monitoring is off"),
    # Helm values
    (values(ipam={"mode": "eni"}), "ciliumValues.ipam.mode", "ipamMode"),
    (values(ipv4NativeRoutingCIDR="10.244.0.0/16"), "ciliumValues.ipv4NativeRoutingCIDR", "breaks source addresses"),
    (values(kubeProxyReplacement=False), "ciliumValues.kubeProxyReplacement", "no kube-proxy"),
    (values(bpf={"masquerade": False}), "ciliumValues.bpf.masquerade", "the option masquerade"),
    (values(hubble={"ui": {"service": {"nodePort": 31000}}}), "ciliumValues.hubble.ui.service.nodePort", "nodePorts"),
    (values(updateStrategy={"type": "RollingUpdate"}), "ciliumValues.updateStrategy.type", "never by Helm"),
    (values(rollOutCiliumPods=True), "ciliumValues.rollOutCiliumPods", "never by Helm"),
    (values(ipMasqAgent={"config": {"nonMasqueradeCIDRs": []}}), "ciliumValues.ipMasqAgent.config.nonMasqueradeCIDRs",
     "not masqueraded"),
    (values(hubble=None), "ciliumValues.hubble", "the program sets hubble"),
    (values(k8sServiceHost="10.0.0.1"), "ciliumValues.k8sServiceHost", "control plane's address"),
    (values(image={"tag": "latest"}), "ciliumValues.image.tag", "artifacts"),
    (values(bandwithManager={"enabled": True}), "ciliumValues.bandwithManager", "did you mean bandwidthManager?"),
    (values(bpf="masquerade"), "ciliumValues.bpf", "the program sets bpf.masquerade"),
]  # fmt: skip
