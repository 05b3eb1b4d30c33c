"""What the processors did, from the kernel's own counts."""

from __future__ import annotations

from pathlib import Path

from labctl.bench.machine import Counts, Load


def proc(folder: Path, cpu: str, uptime: str, some: str = "") -> Counts:
    folder.mkdir()
    (folder / "stat").write_text(f"cpu  {cpu}\ncpu0 {cpu}\n")
    (folder / "uptime").write_text(f"{uptime} 1.0\n")
    if some:
        (folder / "pressure").mkdir()
        (folder / "pressure/cpu").write_text(f"some avg10=9.00 avg60=9.00 avg300=9.00 total={some}\nfull total=0\n")
    return Counts.read(folder)


def test_shares_of_the_time_between_two_readings(tmp_path: Path) -> None:
    before = proc(tmp_path / "a", "100 0 50 800 50 0 0 10 0 0", "100.00", "5000000")
    after = proc(tmp_path / "b", "150 0 70 810 60 0 0 20 0 0", "110.00", "9000000")
    load = before.until(after)
    assert load == Load(busy=0.8, stolen=0.1, waited=0.4)
    assert str(load) == "processors 80% busy, 10.0% stolen by the hypervisor, tasks waited for one 40% of the time"


def test_a_kernel_without_pressure_figures(tmp_path: Path) -> None:
    before = proc(tmp_path / "a", "1 0 0 1 0 0 0 0", "1")
    load = before.until(proc(tmp_path / "b", "2 0 0 2 0 0 0 0", "2"))
    assert load.waited is None
    assert str(load).endswith("0.0% stolen by the hypervisor")


def test_this_machine() -> None:
    load = Counts.read().until(Counts.read())
    assert 0 <= load.busy <= 1
    assert 0 <= load.stolen <= 1
