"""python -m cilium_lab.disruption.report FOLDER OUT.html [--svg], or FOLDER --text

Prints the summary of a migration's folder, and writes the page (with --svg also the plots, beside it). Exit status 1:
no record there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cilium_lab.disruption.record import ReportError, read_record
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.report.text import text


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser(
        prog="python -m cilium_lab.disruption.report", description="The report of a migration."
    )
    parser.add_argument("folder", type=Path, help="the folder that the migration left")
    parser.add_argument("out", type=Path, nargs="?", help="the page")
    parser.add_argument("--text", action="store_true", help="the summary only")
    parser.add_argument("--svg", action="store_true", help="the plots as files beside the page, too")
    given = parser.parse_intermixed_args()
    if given.text == bool(given.out) or (given.svg and given.text):
        parser.error("give OUT.html, or --text alone")
    try:
        record = read_record(given.folder)
    except ReportError as error:
        print(error, file=sys.stderr)
        return 1
    written: list[str] = []
    if given.out:
        # matplotlib is not installed where only the summary is wanted.
        from cilium_lab.disruption.report.page import page, plots

        given.out.write_text(page(record), encoding="utf-8", errors="replace")
        written.append(f"page: {given.out}")
        for name, svg in plots(record).items() if given.svg else ():
            path = given.out.with_name(f"{given.out.stem}-{name}")
            path.write_text(svg, encoding="utf-8", errors="replace")
            written.append(f"plot: {path}")
    print("\n".join([text(summarise(record)), "", *written]).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
