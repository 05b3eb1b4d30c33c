"""AppArmor's profile of a domain, by libvirt's own helper: a dry run, which needs no AppArmor in the kernel."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET


def command(domain: str) -> list[str]:
    """What prints the profile of a domain (XML), which it gets on its standard input, on its standard error."""
    return ["/usr/lib/libvirt/virt-aa-helper", "-d", "-c", "-u", f"libvirt-{ET.fromstring(domain).findtext('uuid')}"]


def readable(profile: str) -> frozenset[str]:
    """The files that QEMU may open for reading under a profile."""
    return frozenset(re.findall(r'^\s*"(/[^"]*)" r', profile, re.MULTILINE))
