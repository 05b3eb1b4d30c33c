"""The study's commands in its order: what each shows there, what it has to show here, and each deviation's reason."""

from __future__ import annotations

from cilium_lab.config.versions import CILIUM
from cilium_lab.study.command import ROUTER, WORKER_1, WORKER_2, Command, Section

_BUILT = "`pulumi up` does it, with the same values and three corrections (components/cilium/values.py)"
_CHANGES = "it changes the lab; here `pulumi config set ipamMode cluster-pool && pulumi up` migrates without an outage"
_FOLLOWS = "it does not end by itself"
_NO_KEYS = "hosts hold no keys of one another: it runs on the worker itself"
_TERMINAL = "it fills a terminal, which only a person has: `ssh -t`, then type it"
_CP_AND_WORKERS = (r"^k8s-cp\b", r"^k8s-w1\b", r"^k8s-w2\b")
_ENDPOINTS = (r"\bcurl-pod +\d+ +ready +<pod>", r"\bwebpod-\S+ +\d+ +ready +<pod>")
_AGENT_STATUS = "kubectl exec -it -n kube-system ds/cilium -c cilium-agent -- cilium status | grep Masquerading"
_NATIVE_RANGE = "cilium config view | grep ipv4-native-routing-cidr"
_AGENT_LIST = "the ip-masq-agent's list besides holds every pod range, so that a migration needs no new native range"
_LOOP = "kubectl exec -it curl-pod -- sh -c 'while true; do curl -s webpod | grep Hostname; sleep 1; done'"
_FEW = "kubectl exec -it curl-pod -- sh -c 'for i in 1 2 3 4; do curl -s webpod | grep Hostname; sleep 0.1; done'"
_HOSTNAME = r"^Hostname: webpod-"
_NODE_CIDRS = r"""kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}{"\t"}{.spec.podCIDR}{"\n"}{end}'"""
_CILIUM_CIDRS = "kubectl get ciliumnode -o json | grep podCIDRs -A2"
_ALL_ENDPOINTS = "kubectl get ciliumendpoints.cilium.io -A"
_RANGES = 'kubectl cluster-info dump | grep -m 2 -E "cluster-cidr|service-cluster-ip-range"'
_RANGES_SHOWN = (r"--service-cluster-ip-range=10\.96\.0\.0/12", r"--cluster-cidr=<kubernetes-range>")


def _kubernetes_cidrs(*, mode: str = "") -> Command:
    names = ("k8s-cp", "k8s-w1", "k8s-w2")
    shown = tuple(rf"^{name}\s+<kubernetes-address>/\d+$" for name in names)
    return Command(_NODE_CIDRS, "one pod CIDR a node, of Kubernetes' range in every IPAM mode", shown, mode=mode)


def _cilium_cidrs(shows: str, *, mode: str = "") -> Command:
    return Command(_CILIUM_CIDRS, shows, (r'(?s)(?:"<pod>/<mask>".*){3}',), mode=mode)


def _ipam_mode(*, mode: str = "") -> Command:
    return Command("cilium config view | grep ^ipam", "the IPAM mode", (r"^ipam +<mode>$",), needs="cilium", mode=mode)


def _routes(host: str, *others: str) -> Command:
    """Of one node: a route to the pod CIDR of each other node, and one to each of its own pods."""
    typed = "ip -c route" if host == "k8s-cp" else f"ssh {host} ip -c route"
    shown = tuple(rf"^<pod>/<mask> via {other.replace('.', chr(92) + '.')} dev <interface>" for other in others)
    pods = (r"^<pod> dev lxc\w+ proto kernel scope link",)
    why = "" if host == "k8s-cp" else _NO_KEYS
    shows = "the other nodes' pod CIDRs via the nodes, a route to each own pod"
    return Command(typed, shows, (*shown, *pods), why, host, "" if host == "k8s-cp" else "ip -c route")


def _capture(chosen: str, command: str, then: str = "") -> str:
    """tcpdump beside a command in curl-pod, both bounded; `then` runs when both have ended."""
    listen = f"timeout 8 tcpdump -i ens160 -nn --immediate-mode {chosen} 2> /dev/null & sleep 1"
    return f"{listen}; kubectl exec curl-pod -- {command} > /dev/null; wait{then}"


_PINGS = "ping -c 8 -i 0.2 -W 1"
_REQUESTS = "sh -c 'for i in $(seq 20); do curl -s webpod; done'"

SECTIONS: tuple[Section, ...] = (
    Section(
        "Build the cluster",
        (
            Command(
                f"helm install cilium cilium/cilium --version {CILIUM} --namespace kube-system --set ...",
                "Cilium with native routing, IPAM kubernetes, eBPF instead of kube-proxy and iptables, Hubble, metrics",
                (r'"kubeProxyReplacement": ?true', r'"routingMode": ?"native"', r'"autoDirectNodeRoutes": ?true'),
                _BUILT,
                instead="helm get values cilium -n kube-system -o json",
            ),
            Command("curl ... | tar xzvfC - /usr/local/bin", "installs the commands cilium and hubble", why=_BUILT),
            Command(
                "kubectl taint nodes k8s-cp node-role.kubernetes.io/control-plane-",
                "pods may run on the control plane",
                (r"^taints:$",),
                "kubeadm is told to set no taint; the result is looked at",
                instead="echo taints:$(kubectl get node k8s-cp -o jsonpath='{.spec.taints}')",
            ),
            Command(
                "kubectl patch svc -n cilium-monitoring prometheus -p '... nodePort: 30001'",
                "Prometheus at port 30001 of every node",
                (r"^30001$",),
                "`pulumi up` installs Prometheus alone; Grafana (30002) is missing where a bundle is built here",
                instead="kubectl get svc -n cilium-monitoring prometheus -o jsonpath='{.spec.ports[0].nodePort}'",
            ),
            Command(
                "kubectl patch storageclass local-path -p '... is-default-class: true'",
                "a default storage class on the nodes' disks",
                (r"^local-path \(default\)",),
                "`pulumi up` makes it the default; the result is looked at",
                instead="kubectl get storageclass",
            ),
        ),
    ),
    Section(
        "First look at the cluster",
        (
            Command(
                "kubectl cluster-info",
                "the addresses of the API server and of CoreDNS",
                (r"control plane.* is running at .*https://172\.31\.1\.10:6443", r"CoreDNS.* is running at .*kube-dns"),
            ),
            Command(_RANGES, "the ranges of Services and pods", _RANGES_SHOWN),
            _kubernetes_cidrs(),
            _cilium_cidrs("the pod CIDRs that the agents use"),
            Command(
                "kubectl get pod -A -owide",
                "Cilium, CoreDNS, Hubble's relay, the add-ons, and their addresses",
                (
                    r"^kube-system +cilium-\w+ +1/1 +Running",
                    r"^kube-system +coredns-\S+ +1/1 +Running .*<pod>",
                    r"^kube-system +hubble-relay-\S+ +1/1 +Running .*<pod>",
                    r"^cilium-monitoring +prometheus-",
                ),
                "no cilium-envoy, hubble-ui and grafana where a bundle is built here",
            ),
            _ipam_mode(),
            Command("kubectl get ciliumendpoints -A", "an endpoint and an address for each pod", _ENDPOINTS),
        ),
    ),
    Section(
        "k9s",
        (
            Command("dnf localinstall k9s_linux_amd64.rpm", "installs k9s", why="`pulumi up` installs it"),
            Command("k9s version", "its version", (r"Version:?\s+v?\d+\.\d+",)),
            Command("k9s info", "where it keeps its configuration and logs", (r"(?i)logs?:\s+\S*/",)),
            Command("k9s help", "all its options", (r"--readonly",)),
            Command("k9s -n mycoolns", "one namespace", why=_TERMINAL),
            Command("k9s --context coolCtx", "another context", why=_TERMINAL),
            Command("k9s --readonly", "without commands that change anything", why=_TERMINAL),
        ),
    ),
    Section(
        "termshark",
        (
            Command(
                "dnf install -y wireshark-cli; tar -xzf termshark_linux_x64.tar.gz",
                "installs it",
                why="`pulumi up` installs it",
            ),
            Command(
                "termshark -r test.pcap",
                "the packets of a file",
                (r"ICMP \d+ Echo \(ping\) request",),
                "a capture is made first; without a terminal termshark prints what tshark prints",
                instead=_capture(
                    '-c 2 -U -w "$TMPDIR/test.pcap" icmp and host 172.31.1.20',
                    f"{_PINGS} 172.31.1.20",
                    '; termshark -r "$TMPDIR/test.pcap"',
                ),
            ),
            Command("termshark -i eth0 icmp", "the packets of an interface as they come", why=_TERMINAL),
        ),
    ),
    Section(
        "IPAM: Kubernetes host scope",
        (
            Command(_RANGES, "the ranges of Services and pods", _RANGES_SHOWN),
            _ipam_mode(mode="kubernetes"),
            _kubernetes_cidrs(mode="kubernetes"),
            Command(
                "k describe pod -n kube-system kube-controller-manager-k8s-cp",
                "the controller manager that gives each node its pod CIDR",
                (
                    r"--allocate-node-cidrs=true",
                    r"--cluster-cidr=<kubernetes-range>",
                    r"--service-cluster-ip-range=10\.96\.0\.0/12",
                ),
            ),
            _cilium_cidrs("the CiliumNodes have the same pod CIDRs", mode="kubernetes"),
            Command(_ALL_ENDPOINTS, "addresses of these pod CIDRs", _ENDPOINTS, mode="kubernetes"),
        ),
    ),
    Section(
        "Sample application",
        (
            Command(
                "cat << EOF | kubectl apply -f -",
                "deploys webpod, its Service and curl-pod",
                why="`pulumi up` deploys them; webpod's anti-affinity selects webpods, so that they are on two nodes",
            ),
            Command(
                "kubectl get deploy,svc,ep webpod -owide",
                "two of two replicas, a cluster address, two endpoints",
                (
                    r"^deployment\.apps/webpod +2/2 +2 +2",
                    r"^service/webpod +ClusterIP +<address> ",
                    r"^endpoints/webpod +<pod>:80,<pod>:80",
                ),
            ),
            Command(
                "kubectl get endpointslices -l app=webpod",
                "the two addresses",
                (r"^webpod-\w+ +IPv4 +80 +<pod>,<pod>",),
            ),
            Command("kubectl get ciliumendpoints # IP", "three endpoints", _ENDPOINTS),
            Command(
                "kubectl exec -it -n kube-system ds/cilium -c cilium-agent -- cilium-dbg endpoint list",
                "the endpoints of one node with identity and labels",
                (r"^ENDPOINT +POLICY", r"reserved:host", r"<pod> +ready"),
            ),
            Command("kubectl exec -it curl-pod -- curl webpod | grep Hostname", "the name of a webpod", (_HOSTNAME,)),
            Command(_LOOP, "both webpods by and by", (rf"(?s)(?:{_HOSTNAME}.*){{4}}",), _FOLLOWS, instead=_FEW),
        ),
    ),
    Section(
        "Hubble",
        (
            Command(
                "NODEIP=$(ip -4 addr show ens160 | grep -oP '(?<=inet\\s)\\d+(\\.\\d+){3}'); echo -e \"http://$NODEIP:30003\"",
                "the address of Hubble's web page",
                (r"^http://172\.31\.1\.10:30003$",),
                "nothing answers there where a bundle is built here: it has no Hubble web page",
            ),
            Command(
                "cilium hubble port-forward&",
                "a way to the relay",
                why="`hubble` on this host reaches the relay by its Service's address",
            ),
            Command(
                "hubble status",
                "healthy, with flows, three of three nodes",
                (r"^Healthcheck \(via <address>:80\): Ok$", r"^Connected Nodes: <nodes>/<nodes>$"),
                "via the relay's Service instead of localhost:4245",
            ),
            *(
                Command(
                    f"hubble observe -f --protocol tcp {chosen} curl-pod",
                    "flows of curl-pod, forwarded, and translated by the socket load balancer",
                    (r"\bcurl-pod\b.*\bwebpod-|\bwebpod-.*\bcurl-pod\b", r"FORWARDED"),
                    f"{_FOLLOWS}; the last flows after a request are shown",
                    instead="for i in 1 2 3; do kubectl exec curl-pod -- curl -s webpod > /dev/null; done; "
                    f"hubble observe --last 40 --protocol tcp {chosen} curl-pod",
                )
                for chosen in ("--to-pod", "--from-pod", "--pod")
            ),
            Command("kubectl exec -it curl-pod -- curl webpod | grep Hostname", "the name of a webpod", (_HOSTNAME,)),
            Command(
                "tcpdump -i ens160 tcp port 80 -w /tmp/http.pcap",
                "a capture of these requests",
                (r"^[1-9]\d* http\.pcap$",),
                f"{_FOLLOWS}; 12 packets in a folder that goes",
                instead=_capture(
                    '-c 12 -U -w "$TMPDIR/http.pcap" tcp port 80',
                    _REQUESTS,
                    '; cd "$TMPDIR"; echo $(wc -c < http.pcap) http.pcap',
                ),
            ),
            Command(
                "termshark -r /tmp/http.pcap",
                "requests and answers with the addresses of both pods",
                (r"<pod> +\S+ +<pod> +.* GET / HTTP/1\.1",),
                "without a terminal termshark prints what tshark prints",
                instead=_capture(
                    '-c 12 -U -w "$TMPDIR/http.pcap" tcp port 80', _REQUESTS, '; termshark -r "$TMPDIR/http.pcap"'
                ),
            ),
        ),
    ),
    Section(
        "Cluster scope and the migration",
        (
            Command(_LOOP, "requests that go on meanwhile", why="`migration.probe: true` measures them instead"),
            Command(
                "helm list -A",
                "the release of Cilium's chart",
                (r"^cilium\s+kube-system\s+\d+\s.*\bdeployed\s+cilium-<cilium>\s",),
            ),
            Command(
                "helm upgrade cilium cilium/cilium --reuse-values --set ipam.mode=cluster-pool ...",
                "the other IPAM mode and range",
                why=_CHANGES,
            ),
            Command(
                "kubectl -n kube-system rollout restart deploy/cilium-operator; kubectl -n kube-system rollout "
                "restart ds/cilium",
                "operator and agents start again",
                why=_CHANGES,
            ),
            _kubernetes_cidrs(mode="cluster-pool"),
            _ipam_mode(mode="cluster-pool"),
            Command(
                "kubectl delete ciliumnode k8s-w1; kubectl -n kube-system rollout restart ds/cilium",
                "the node gets a pod CIDR of the other range",
                why=_CHANGES,
            ),
            _cilium_cidrs("every CiliumNode has a pod CIDR of the pool", mode="cluster-pool"),
            Command(
                "kubectl -n kube-system rollout restart deploy/hubble-relay deploy/hubble-ui; kubectl delete pod "
                "curl-pod",
                "pods get addresses of the pool",
                why=_CHANGES,
            ),
            Command(
                "kubectl get pod -A -owide | grep 192.168",
                "the pods that have not moved yet",
                (r"^0 pods$",),
                "the migration leaves no pod behind: they are counted",
                mode="cluster-pool",
                instead="echo $(kubectl get pod -A -owide | grep -c '192[.]168[.]') pods",
            ),
            Command(_ALL_ENDPOINTS, "every address is of the pool", _ENDPOINTS, mode="cluster-pool"),
            Command(
                _LOOP,
                "both webpods again",
                (rf"(?s)(?:{_HOSTNAME}.*){{4}}",),
                _FOLLOWS,
                instead=_FEW,
                mode="cluster-pool",
            ),
        ),
    ),
    Section(
        "Routing",
        (
            Command(
                "\n".join(
                    f"export CILIUMPOD{number}=$(kubectl get -l k8s-app=cilium pods -n kube-system --field-selector "
                    f"spec.nodeName={node} -o jsonpath='{{.items[0].metadata.name}}')"
                    for number, node in enumerate(("k8s-cp", "k8s-w1", "k8s-w2"))
                )
                + "\necho $CILIUMPOD0 $CILIUMPOD1 $CILIUMPOD2",
                "the agents' pods",
                (r"^cilium-\w+ cilium-\w+ cilium-\w+$",),
            ),
            *(
                Command(
                    f'alias c{number}="kubectl exec -it $CILIUMPOD{number} -n kube-system -c cilium-agent -- cilium"',
                    "a short name for the command in an agent",
                    (r"^OK$",),
                    f"c{number} is there already, and follows an agent that is replaced: it is used",
                    instead=f"c{number} status --brief",
                )
                for number in range(3)
            ),
            Command(
                "k get po -o wide",
                "the pods' addresses and nodes",
                (r"^curl-pod +1/1 +Running .* <pod> +k8s-cp ", r"^webpod-\S+ +1/1 +Running .* <pod> +k8s-"),
            ),
            _routes("k8s-cp", "172.31.1.11", "172.31.1.12"),
            _routes(WORKER_1, "172.31.1.10", "172.31.1.12"),
            _routes(WORKER_2, "172.31.1.10", "172.31.1.11"),
        ),
    ),
    Section(
        "Masquerading",
        (
            Command(
                _AGENT_STATUS,
                "by eBPF, the interface, the range that keeps its source",
                (r"^Masquerading: +BPF \(ip-masq-agent\) +\[<interface>\] +<native-range> +\[IPv4: Enabled",),
                f"the native range is Kubernetes' pod range in every mode; {_AGENT_LIST}",
            ),
            Command(
                _NATIVE_RANGE,
                "the same range",
                (r"ipv4-native-routing-cidr +<native-range>$",),
                f"after a migration it is still Kubernetes' pod range; {_AGENT_LIST}",
                needs="cilium",
            ),
            Command(
                "tcpdump -i ens160 icmp -nn; kubectl exec -it curl-pod -- ping 172.31.1.11",
                "another node sees the pod's own address",
                (r"IP <pod> > 172\.31\.1\.11: ICMP echo request", r"IP 172\.31\.1\.11 > <pod>: ICMP echo reply"),
                f"{_FOLLOWS}; both are bounded",
                instead=_capture("-c 2 icmp and host 172.31.1.11", f"{_PINGS} 172.31.1.11"),
            ),
            Command("kubectl exec -it curl-pod -- curl -s webpod | grep Hostname", "a webpod answers", (_HOSTNAME,)),
            Command(
                "tcpdump -i ens160 icmp -nn; kubectl exec -it curl-pod -- ping -c 4 172.31.1.20",
                "the router, no node of the cluster, sees the node's address",
                (
                    r"IP 172\.31\.1\.10 > 172\.31\.1\.20: ICMP echo request",
                    r"IP 172\.31\.1\.20 > 172\.31\.1\.10: ICMP echo reply",
                ),
                f"{_FOLLOWS}; both are bounded",
                instead=_capture("-c 2 icmp and host 172.31.1.20", f"{_PINGS} 172.31.1.20"),
            ),
        ),
    ),
    Section(
        "The router and what lies behind it",
        (
            Command(
                "sysctl net.ipv4.ip_forward=1",
                "the router forwards",
                (r"^net\.ipv4\.ip_forward = 1$",),
                "`pulumi up` sets it, beyond a reboot",
                ROUTER,
                "sysctl net.ipv4.ip_forward",
            ),
            Command(
                "modprobe dummy; ip link add loop1 type dummy; ip addr add 10.10.1.200/24 dev loop1; ...",
                "two links with addresses of networks behind the router",
                why="`pulumi up` makes them, beyond a reboot; a kernel without dummy links gets bridges",
                host=ROUTER,
            ),
            Command(
                "ip -br a",
                "four addresses",
                (
                    r"^ens160\S* +UP +172\.31\.1\.20/20",
                    r"^ens192\S* +UP +10\.10\.10\.10/16",
                    r"^loop1 +\S+ +10\.10\.1\.200/24",
                    r"^loop2 +\S+ +10\.10\.2\.200/24",
                ),
                host=ROUTER,
            ),
            Command(
                "dnf install httpd -y; systemctl enable --now httpd; echo ... > /var/www/html/index.html",
                "a web server",
                why="`pulumi up` installs one: httpd on Rocky Linux, busybox in containers",
                host=ROUTER,
            ),
            Command("curl localhost", "the router's page", (r"<page>",), host=ROUTER),
            Command(
                "ip route add 10.10.0.0/16 via 172.31.1.20 dev ens160; ip -c route",
                "the nodes reach the networks behind the router through it",
                (r"^10\.10\.0\.0/16 via 172\.31\.1\.20 dev <interface>", r"^<pod>/<mask> via 172\.31\.1\.11 "),
                "`pulumi up` adds the route, beyond a reboot, on every node",
                instead="ip -c route",
            ),
            Command(
                "kubectl exec -it curl-pod -- curl -s 10.10.1.200; kubectl exec -it curl-pod -- curl -s 10.10.2.200",
                "the page through the masquerading node, at loop1 and loop2",
                (r"(?s)<page>.*<page>",),
                "the study ends with the sentence that it works; here it is typed",
            ),
        ),
    ),
)
"""All of it, in the study's order."""
