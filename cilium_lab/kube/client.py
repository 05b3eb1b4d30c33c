"""The one client of the API server: its objects through `kubectl proxy` on a private socket, and `kubectl exec`.

kubectl does the authentication. Its proxy costs one process for a whole run, where a kubectl for each request would
keep a core busy that the cluster's users need.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from cilium_lab.kube.deadline import seconds_left

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
BUDGET = "DisruptionBudget"
"""The cause of an eviction's 429 that a disruption budget is the reason of (policy/v1, DisruptionBudgetCause)."""
_PAUSE = 1.0
_END = "=====end====="
"""What every script in a container prints last."""
_WHOLE_TRIES = 3
_START = 15.0
"""Seconds until the proxy listens."""
_UNTIL_PARENT_ENDS = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Runs a command that the kernel ends with this program, however that ends (prctl(2), PR_SET_PDEATHSIG).

Not a preexec_fn: that takes a real fork, and in a Pulumi program, whose threads call gRPC, gRPC then prints that it
skips its fork handlers. Without one Python starts the process by vfork.
"""
_LINES = 20
"""How much of the proxy's standard error is kept."""


class ApiError(Exception):
    """A request that failed: the request, the HTTP status (0: no answer), the server's message and its causes."""

    def __init__(self, request: str, status: int, message: str, causes: Sequence[str] = ()) -> None:
        """`causes` are the reasons in the Status object's details (meta/v1, StatusCause)."""
        super().__init__(f"{request}: {status or 'no answer'}: {message[:400]}")
        self.status = status
        self.message = message
        self.causes = tuple(causes)

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed in a moment: no answer, a server's fault, or its own throttling."""
        return self.status == 0 or self.status >= 500 or (self.status == 429 and BUDGET not in self.causes)


class Api(Protocol):
    """All of the API that this program needs. Every method raises ApiError."""

    def get(self, path: str) -> dict[str, Any]:
        """The object or list at a path of the API."""
        ...

    def text(self, path: str) -> str:
        """The same for what is no JSON: logs."""
        ...

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        """Change something; `kind` is the content type. A lost answer is repeated: send what may arrive twice."""
        ...

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        """Standard output of a shell script in a container; an empty name is the pod's default container.

        The script is run again where a part of its output is lost.
        """
        ...


class KubectlApi:
    """The API server that a kubeconfig names, as a context manager."""

    def __init__(
        self,
        kubeconfig: str | Path,
        command: Sequence[str] = ("kubectl",),
        *,
        attempts: int = 5,
        timeout: float = 60.0,
    ) -> None:
        """`kubeconfig` is its text, or the path of the file.

        A text becomes a file of the owner alone, in a folder of the owner alone, for as long as the client is in use.
        `command` runs kubectl; words before it may enter another network namespace. `timeout` is how many seconds one
        request may take with its repeats, of which there are `attempts` at most; see also `deadline.time_limit`.
        """
        self._kubeconfig = kubeconfig
        self._command = tuple(command)
        self._attempts = attempts
        self._timeout = timeout
        self._folder = Path()
        self._environment: dict[str, str] = {}
        self._proxy: subprocess.Popen[bytes] | None = None
        self._last_lines: deque[str] = deque(maxlen=_LINES)
        self._drain: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="cilium-lab-"))
        try:
            self._environment = {
                **os.environ,
                "KUBECONFIG": str(self._kubeconfig_file()),
                "KUBECACHEDIR": str(self._folder / "cache"),
            }
            self._start_proxy()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._proxy is not None:
            if self._proxy.poll() is None:
                os.killpg(self._proxy.pid, signal.SIGTERM)
            self._proxy.wait()
            self._proxy = None
        if self._drain is not None:
            self._drain.join(timeout=1.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kubeconfig_file(self) -> Path:
        if isinstance(self._kubeconfig, Path):
            return self._kubeconfig
        path = self._folder / "kubeconfig"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._kubeconfig)
        return path

    @property
    def _socket(self) -> Path:
        return self._folder / "api.sock"

    def _start_proxy(self) -> None:
        """In a session of its own: the interrupt that a terminal sends to this program leaves it to the clean-up."""
        shown = f"{self._command[-1]} proxy"
        if shutil.which(self._command[0], path=self._environment.get("PATH")) is None:
            raise ApiError(shown, 0, f"cannot be started: no {self._command[0]}; install kubectl")
        try:
            self._proxy = subprocess.Popen(
                [sys.executable, "-c", _UNTIL_PARENT_ENDS, *self._command, "proxy", f"--unix-socket={self._socket}"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ApiError(shown, 0, f"cannot be started: {error}; install kubectl") from error
        errors = cast(IO[bytes], self._proxy.stderr)
        # A proxy whose pipe is full answers nothing any more.
        self._drain = threading.Thread(target=_keep_last, args=(errors, self._last_lines), daemon=True)
        self._drain.start()
        deadline = time.monotonic() + _START
        while not self._listens():
            if self._proxy.poll() is not None:
                self._drain.join(timeout=1.0)
                raise ApiError(shown, 0, "\n".join(self._last_lines) or f"exit status {self._proxy.returncode}")
            if time.monotonic() > deadline:
                raise ApiError(shown, 0, f"does not listen within {_START:.0f} s")
            time.sleep(0.02)

    def _listens(self) -> bool:
        """Whether the proxy accepts connections: its socket is there a moment before it does."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def get(self, path: str) -> dict[str, Any]:
        return json.loads(self._request("GET", path, None, JSON))

    def text(self, path: str) -> str:
        return self._request("GET", path, None, JSON)

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        return json.loads(self._request(method, path, None if body is None else json.dumps(body), kind))

    def _request(self, method: str, path: str, body: str | None, kind: str) -> str:
        """A lost answer, a busy or restarting server: the request is repeated while there are attempts and time."""
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, path, body, kind, self._left(started))
            except ApiError as error:
                if not error.transient or attempt >= self._attempts or self._left(started) <= _PAUSE:
                    raise
            time.sleep(_PAUSE)

    def _left(self, started: float) -> float:
        return seconds_left(max(0.0, self._timeout - (time.monotonic() - started)))

    def _once(self, method: str, path: str, body: str | None, kind: str, seconds: float) -> str:
        if seconds <= 0:
            raise ApiError(f"{method} {path}", 0, "no time is left for it")
        connection = _UnixConnection(self._socket, seconds)
        try:
            headers = {"Accept": JSON, **({"Content-Type": kind} if body is not None else {})}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except TimeoutError as error:
            raise ApiError(f"{method} {path}", 0, f"nothing within {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"{method} {path}", 0, str(error)) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise _failure(f"{method} {path}", answer.status, text)
        return text

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        chosen = ("-c", container) if container else ()
        # kubectl may end well before the last lines of a program have arrived (kubernetes#124571). So the shell prints
        # a mark at the end, and what comes without it is run again.
        whole = f"( {script}\n)\nstatus=$?\nprintf %s {_END}\nexit $status"
        words = [*self._command, "exec", "-n", namespace, pod, *chosen, "--", "sh", "-c", whole]
        shown = f"kubectl exec -n {namespace} {pod}"
        printed = ""
        for _ in range(_WHOLE_TRIES):
            printed = self._run(words, shown)
            if printed.endswith(_END):
                return printed.removesuffix(_END)
        raise ApiError(shown, 0, f"the end of what it printed did not arrive, {_WHOLE_TRIES} times: {printed[-100:]!r}")

    def _run(self, words: Sequence[str], shown: str) -> str:
        """Standard output of a command; `shown` is what an error calls it."""
        seconds = seconds_left(self._timeout)
        try:
            done = subprocess.run(
                words, env=self._environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ApiError(shown, 0, f"no end within {seconds:.0f} s") from error
        except OSError as error:
            raise ApiError(shown, 0, f"cannot be started: {error}; install kubectl") from error
        if done.returncode:
            said = (done.stderr or done.stdout.removesuffix(_END)).strip()
            raise ApiError(shown, 0, f"exit status {done.returncode}: {said[-300:]}")
        return done.stdout


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _failure(request: str, status: int, text: str) -> ApiError:
    """From a Status object (meta/v1), or from a text where the server sends none."""
    try:
        answer: dict[str, Any] = json.loads(text)
        message = str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return ApiError(request, status, text)
    details = cast(dict[str, Any], answer.get("details") or {})
    causes = cast(list[dict[str, str]], details.get("causes") or [])
    return ApiError(request, status, message, [cause.get("reason", "") for cause in causes])


def _keep_last(stream: IO[bytes], lines: deque[str]) -> None:
    """Read the stream to its end; `lines` bounds what is kept."""
    with stream:
        while part := stream.readline(4096):
            lines.append(part.decode(errors="replace").rstrip())
