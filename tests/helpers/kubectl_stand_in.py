"""A kubectl of the tests: `proxy` serves answers that the test chose on the socket, `exec` runs the script here."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python}
import json, os, socketserver, subprocess, sys, time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

FOLDER = Path({folder!r})


def note(**what):
    with (FOLDER / "notes.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "client"

    def log_message(self, *_words):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        note(method=self.command, path=self.path, body=body, kind=self.headers.get("Content-Type"))
        answers = json.loads((FOLDER / "answers.json").read_text())
        seen = sum(1 for line in (FOLDER / "notes.jsonl").read_text().splitlines() if "method" in json.loads(line))
        step = answers[min(seen, len(answers)) - 1]
        sys.stderr.write("E1126 proxy error\\n" * step.get("errors", 0))
        sys.stderr.flush()
        time.sleep(step.get("seconds", 0))
        said = step["text"].encode()
        self.send_response(step["status"])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_DELETE = answer


words = sys.argv[1:]
if words[0] == "proxy":
    path = words[1].partition("=")[2]
    note(kubeconfig=os.environ["KUBECONFIG"], mode=oct(os.stat(os.environ["KUBECONFIG"]).st_mode & 0o777),
         text=Path(os.environ["KUBECONFIG"]).read_text(), pid=os.getpid())
    socketserver.ThreadingUnixStreamServer.daemon_threads = True
    socketserver.ThreadingUnixStreamServer(path, Handler).serve_forever()
else:
    note(words=words)
    cut = FOLDER / "cut"  # how many answers lose their end
    left = int(cut.read_text()) if cut.exists() else 0
    done = subprocess.run(words[words.index("--") + 1:], stdout=subprocess.PIPE if left else None, text=True)
    if left:
        cut.write_text(str(left - 1))
        print(done.stdout[: len(done.stdout) // 3], end="")
    sys.exit(done.returncode)
"""


def answer(status: int, said: object, *, seconds: float = 0, errors: int = 0) -> dict[str, Any]:
    """One answer of the API; before it `errors` lines on the proxy's standard error, and `seconds` of silence."""
    text = said if isinstance(said, str) else json.dumps(said)
    return {"status": status, "text": text, "seconds": seconds, "errors": errors}


class KubectlStandIn:
    """The program, and what it noted. The last answer is repeated."""

    def __init__(self, folder: Path, answers: Sequence[dict[str, Any]]) -> None:
        self._folder = folder
        self.program = folder / "kubectl"
        self.program.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        (folder / "answers.json").write_text(json.dumps(list(answers)))

    @property
    def notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self._folder / "notes.jsonl").read_text().splitlines()]

    @property
    def requests(self) -> list[tuple[str, str]]:
        return [(note["method"], note["path"]) for note in self.notes if "method" in note]
