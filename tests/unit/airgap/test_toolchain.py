"""What is changed in a dependency of a plugin before it is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.recipes.toolchain import mend_rpc_client

_UPSTREAM = "func request() {\n\tc := make(chan response)\n\tregister(c)\n}\n"


def test_the_client_buffers_late_responses_and_the_original_stays(tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    (upstream / "socket").mkdir(parents=True)
    (upstream / "rpc.go").write_text(_UPSTREAM)
    (upstream / "socket" / "socket.go").write_text("package socket\n")
    (upstream / "rpc.go").chmod(0o444)
    (upstream / "socket").chmod(0o555)
    mend_rpc_client(upstream, tmp_path / "copy")
    assert "\tc := make(chan response, 16)\n" in (tmp_path / "copy" / "rpc.go").read_text()
    assert (tmp_path / "copy" / "socket" / "socket.go").read_text() == "package socket\n"
    assert (upstream / "rpc.go").read_text() == _UPSTREAM


@pytest.mark.parametrize("text", ["package libvirt\n", _UPSTREAM * 2])
def test_a_client_without_that_place_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "upstream").mkdir()
    (tmp_path / "upstream" / "rpc.go").write_text(text)
    with pytest.raises(ValueError, match="should be there once"):
        mend_rpc_client(tmp_path / "upstream", tmp_path / "copy")
