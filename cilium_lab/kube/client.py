"""The way to the cluster: the Kubernetes API through `kubectl proxy` on a private socket, and `kubectl exec`.

kubectl does the authentication; its proxy costs one process for a whole run, where a kubectl for each look would keep a
core busy that the cluster's users need. The kubeconfig exists as a file of the owner alone, in a folder of the owner
alone, for as long as the run lasts, and is named to kubectl by its environment.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_PAUSE = 1.0


class ApiError(Exception):
    """A request that failed: what was asked, the HTTP status (0: no answer at all) and what the server said."""

    def __init__(self, request: str, status: int, said: str) -> None:
        super().__init__(f"{request}: {status or 'no answer'}: {said[:400]}")
        self.status = status


class Api(Protocol):
    """All of the cluster that a migration needs. Every method raises ApiError."""

    def get(self, path: str) -> dict[str, Any]:
        """The object or list at a path of the API."""
        ...

    def text(self, path: str) -> str:
        """The same for what is no JSON: logs."""
        ...

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        """Change something; `kind` is the content type."""
        ...

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        """Standard output of a shell script in a container."""
        ...


class KubectlApi:
    """The real one, as a context manager."""

    def __init__(self, kubeconfig: str, kubectl: str = "kubectl", *, attempts: int = 5, answer: float = 60.0) -> None:
        """`answer` is how many seconds one answer may take, `attempts` how often it is asked for."""
        self._kubectl = kubectl
        self._attempts = attempts
        self._answer = answer
        self._folder = Path(tempfile.mkdtemp(prefix="cilium-lab-"))
        self._socket = self._folder / "api.sock"
        config = self._folder / "kubeconfig"
        descriptor = os.open(config, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(kubeconfig)
        self._environment = {**os.environ, "KUBECONFIG": str(config), "KUBECACHEDIR": str(self._folder / "cache")}
        self._proxy: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._proxy = subprocess.Popen(
                [self._kubectl, "proxy", f"--unix-socket={self._socket}"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                preexec_fn=_end_with_parent,
            )
        except OSError as error:
            self._remove()
            raise ApiError(f"{self._kubectl} proxy", 0, f"cannot be started: {error}; install kubectl") from error
        deadline = time.monotonic() + 15
        while not self._socket.exists():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                said = self._proxy.stderr.read().decode() if self._proxy.poll() and self._proxy.stderr else "too slow"
                self.__exit__(None, None, None)
                raise ApiError(f"{self._kubectl} proxy", 0, said)
            time.sleep(0.02)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._proxy is not None:
            self._proxy.terminate()
            self._proxy.wait()
            if self._proxy.stderr:
                self._proxy.stderr.close()
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def get(self, path: str) -> dict[str, Any]:
        return json.loads(self._request("GET", path, None, JSON))

    def text(self, path: str) -> str:
        return self._request("GET", path, None, JSON)

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        return json.loads(self._request(method, path, None if body is None else json.dumps(body), kind))

    def _request(self, method: str, path: str, body: str | None, kind: str) -> str:
        """Everything that is sent here may be sent twice, so a lost answer or a busy server is just asked again."""
        for attempt in range(self._attempts):
            try:
                return self._once(method, path, body, kind)
            except ApiError as error:
                if attempt == self._attempts - 1 or 0 < error.status < 500:
                    raise
            time.sleep(_PAUSE)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: str | None, kind: str) -> str:
        connection = _UnixConnection(self._socket, self._answer)
        try:
            headers = {"Accept": JSON, **({"Content-Type": kind} if body is not None else {})}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"{method} {path}", 0, str(error)) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise ApiError(f"{method} {path}", answer.status, _message(said))
        return said

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        words = [self._kubectl, "exec", "-n", namespace, pod, "-c", container, "--", "sh", "-c", script]
        shown = f"kubectl exec -n {namespace} {pod}"
        try:
            done = subprocess.run(
                words, env=self._environment, capture_output=True, text=True, timeout=self._answer, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ApiError(shown, 0, f"no end within {self._answer:.0f} s") from error
        if done.returncode:
            raise ApiError(shown, 0, f"exit status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, answer: float) -> None:
        super().__init__("localhost", timeout=answer)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _message(said: str) -> str:
    """A Status object's message, or the text itself."""
    try:
        return str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        return said


def _end_with_parent() -> None:
    """Let the kernel end the proxy with this program, however that ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
