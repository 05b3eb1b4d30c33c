"""A stack of the test program in a sandbox of its own, driven by the real command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shlex import join

from tests.helpers.checkout import Checkout

POOL_FOLDER = "/var/lib/libvirt/images/cilium-lab"


class Stack:
    """`up` and `destroy` the program; `shell` runs in the sandbox."""

    def __init__(self, sandbox: Checkout, name: str, **settings: str) -> None:
        self.sandbox = sandbox
        self._name = name
        self._program = sandbox.folder / "tests" / "vm" / "program"
        # the lab's scripts are named from its own folder, where its commands run
        scripts = self._program / "components"
        if not scripts.exists():
            scripts.symlink_to(sandbox.folder / "components")
        self.pulumi("stack", "init", name)
        for key, value in settings.items():
            self.pulumi("config", "set", f"single:{key}", value)

    def up(self, *, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", check=check)

    def destroy(self) -> None:
        """Destroys the stack, and sees that libvirt and the disk have nothing of it."""
        self.pulumi("destroy", "--yes", "--skip-preview")
        assert self.left() == {}
        self.pulumi("stack", "rm", "--yes", self._name)

    def left(self) -> dict[str, list[str]]:
        """What is there of the stack, by kind; empty when nothing is."""
        found = {
            "domains": self.virsh("list", "--all", "--name").split(),
            "networks": self.virsh("net-list", "--all", "--name").split(),
            "pools": self.virsh("pool-list", "--all", "--name").split(),
            "files": self.shell("find", POOL_FOLDER, check=False).stdout.split(),
            "links": [word for word in self.shell("ip", "-br", "link").stdout.split() if word.startswith("lab-")],
            "processes": self.shell("pgrep", "-f", "qemu-system.*guest=", check=False).stdout.split(),
        }
        return {kind: things for kind, things in found.items() if things}

    def pulumi(self, *words: str, check: bool = True) -> str:
        stack = ["--stack", self._name] if words[0] in ("up", "destroy", "preview", "config", "refresh") else []
        done = self.shell("pulumi", "--cwd", str(self._program), "--non-interactive", *words, *stack, check=check)
        assert check or done.returncode, f"pulumi {words[0]} should have failed:\n{done.stdout}"
        return done.stdout if check else done.stdout + done.stderr

    def virsh(self, *words: str) -> str:
        return self.shell("virsh", "-q", "-c", "qemu:///system", *words).stdout

    def ssh(self, folder: Path) -> list[str]:
        """The words of an ssh command line for hosts of the stack; `folder` takes the files that it names."""
        outputs = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets", "--stack", self._name))
        for name, key in (("key", "sshKey"), ("known_hosts", "sshKnownHosts")):
            (folder / name).touch(0o600)
            (folder / name).write_text(outputs[key])
        (folder / "config").write_text(outputs["sshConfig"].replace("~/.ssh/cilium-lab", str(folder)))
        return ["ssh", "-F", str(folder / "config")]

    def shell(self, *words: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.sandbox.lab("shell", join(words), check=check, stdin=stdin)
