"""What goes into each image that is made of finished programs alone: pure data.

Content that is upstream's carries upstream's name and tag; what is our own carries our own name. Paths, users and
entry points are those of the upstream images, because manifests and charts rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airgap.images.archive import Config, Entry

_NOBODY, _NONROOT = 65534, 65532
_PASSWD = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
    "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
)
# For static programs: accounts, name lookup by files first, a folder for temporary files.
COMMON: Mapping[str, Entry] = {
    "etc/passwd": Entry(_PASSWD.encode(), 0o644),
    "etc/group": Entry(b"root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n", 0o644),
    "etc/nsswitch.conf": Entry(b"hosts: files dns\n", 0o644),
    "tmp": Entry(mode=0o1777),
}


@dataclass(frozen=True)
class Image:
    """An image of static programs."""

    name: str
    """Of the tar below images/ in the bundle, and of the part."""
    ref: str
    programs: Mapping[str, tuple[str, str]]
    """Path in the image: (part, file of that part)."""
    config: Config = field(default_factory=Config)
    extra: Mapping[str, Entry] = field(default_factory=dict[str, Entry])

    @property
    def needs(self) -> tuple[str, ...]:
        """The parts that its programs come from."""
        return tuple(sorted({part for part, _ in self.programs.values()}))


def _kubernetes(program: str, version: str) -> Image:
    path = {f"usr/local/bin/{program}": ("kubernetes", program)}
    return Image(program, f"registry.k8s.io/{program}:v{version}", path)


def images(versions: Mapping[str, str]) -> tuple[Image, ...]:
    """All of them, for `versions` by name without a leading v: kubernetes, cilium, etcd, ..."""
    v = versions
    operator = "cilium-operator-generic"
    relay_home = {"home/nonroot": Entry(mode=0o700, owner=_NONROOT)}
    return (
        *(_kubernetes(f"kube-{name}", v["kubernetes"]) for name in ("apiserver", "controller-manager", "scheduler")),
        Image(
            "etcd",
            f"registry.k8s.io/etcd:{v['etcd']}-0",
            {f"usr/local/bin/{program}": ("etcd", program) for program in ("etcd", "etcdctl")},
        ),
        # Upstream runs as nonroot with a file capability; ours runs as root with the one capability that the
        # Deployment leaves it, because plain tars carry no file capabilities.
        Image(
            "coredns",
            f"registry.k8s.io/coredns/coredns:v{v['coredns']}",
            {"coredns": ("coredns", "coredns")},
            Config(entrypoint=("/coredns",)),
        ),
        Image(
            "pause",
            f"registry.k8s.io/pause:{v['pause']}",
            {"pause": ("pause", "pause")},
            Config(entrypoint=("/pause",), user="65535:65535"),
        ),
        Image(
            "cilium-operator-generic",
            f"quay.io/cilium/operator-generic:v{v['cilium']}",
            {f"usr/bin/{operator}": ("cilium", operator)},
            Config(cmd=(f"/usr/bin/{operator}",), env=("GOPS_CONFIG_DIR=/",)),
        ),
        Image(
            "hubble-relay",
            f"quay.io/cilium/hubble-relay:v{v['cilium']}",
            {"usr/bin/hubble-relay": ("cilium", "hubble-relay")},
            Config(entrypoint=("/usr/bin/hubble-relay",), cmd=("serve",), user=f"{_NONROOT}:{_NONROOT}"),
            relay_home,
        ),
        Image(
            "prometheus",
            f"quay.io/prometheus/prometheus:v{v['prometheus']}",
            {"bin/prometheus": ("prometheus", "prometheus")},
            Config(
                entrypoint=("/bin/prometheus",),
                cmd=("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
                user="nobody",
                workdir="/prometheus",
            ),
            {"etc/prometheus": Entry(), "prometheus": Entry(owner=_NOBODY)},
        ),
        Image(
            "http-echo",
            f"cilium-lab.local/http-echo:{v['http-echo']}",
            {"http-echo": ("http-echo", "http-echo")},
            Config(entrypoint=("/http-echo",)),
        ),
        Image(
            "probe",
            f"cilium-lab.local/probe:{v['probe']}",
            {"usr/bin/probe": ("probe", "probe")},
            Config(entrypoint=("/usr/bin/probe",)),
        ),
        Image(
            "local-path",
            f"cilium-lab.local/local-path:{v['local-path']}",
            {"usr/bin/local-path-provisioner": ("local-path", "local-path-provisioner")},
            Config(entrypoint=("local-path-provisioner",)),
        ),
    )
