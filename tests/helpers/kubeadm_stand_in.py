"""A stand-in for kubeadm with a real authority behind it, for the tests of the scripts that call it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.helpers.script_sandbox import Sandbox

KUBEADM = """
case $1 in
    config) grep -q valid "$4" ;;
    init)
        if [ "$2" = phase ]; then exit 0; fi
        mkdir -p /etc/kubernetes/pki /etc/kubernetes/manifests /var/lib/etcd/member
        cp /authority/ca.crt /etc/kubernetes/pki/ca.crt
        if [ -e /cut ]; then echo 'cut off here' >&2; rm /cut; exit 5; fi
        echo api > /etc/kubernetes/manifests/kube-apiserver.yaml
        echo admin > /etc/kubernetes/admin.conf
        ;;
    reset)
        if [ -e /stuck ]; then echo 'cannot unmount' >&2; exit 1; fi
        rm -rf /etc/kubernetes/pki/* /etc/kubernetes/manifests/* /var/lib/etcd/* /etc/kubernetes/*.conf
        ;;
    join)
        cp "$3" /etc/kubernetes/seen.yaml
        echo kubelet > /etc/kubernetes/bootstrap-kubelet.conf
        if [ -e /cut ]; then echo 'cut off here' >&2; rm /cut; exit 5; fi
        mv /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/kubelet.conf
        ;;
    token) [ ! -e /no-api ] || { echo 'no API server' >&2; exit 1; }; echo abcdef.0123456789abcdef ;;
esac
"""
CONTROL_PLANE = "172.31.1.10"


def authority(folder: Path, name: str) -> tuple[Path, str]:
    """A new CA's certificate, and the sha256 of its public key as kubeadm's documentation tells to compute it."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*new, "-subj", f"/CN={name}", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    count = (
        f"openssl x509 -pubkey -in {certificate} | openssl ec -pubin -outform der | openssl dgst -sha256 -hex"
        " | sed 's/^.* //'"
    )
    printed = subprocess.run(["sh", "-c", count], check=True, capture_output=True, text=True).stdout
    return certificate, f"sha256:{printed.strip()}"


def init(sandbox: Sandbox, *more: str) -> subprocess.CompletedProcess[str]:
    return sandbox.run("host/kubeadm-init.sh", stdin="\n".join(["valid: true", "podSubnet: 192.168.0.0/16", *more]))
