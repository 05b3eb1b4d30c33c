"""python -m cilium_lab.disruption.report FOLDER OUT.html [--svg], or FOLDER --text

Prints the summary of a migration's folder, and writes the page (with --svg also the plots, beside it). Exit status 1:
no record there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cilium_lab.disruption.report.reading import ReportError, read_record
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
    asked = parser.parse_intermixed_args()
    if asked.text == bool(asked.out) or (asked.svg and asked.text):
        parser.error("give OUT.html, or --text alone")
    try:
        record = read_record(asked.folder)
    except ReportError as error:
        print(error, file=sys.stderr)
        return 1
    written: list[str] = []
    if asked.out:
        # What draws is not there where only the summary is wanted.
        from cilium_lab.disruption.report.page import page, plots

        asked.out.write_text(page(record), encoding="utf-8", errors="replace")
        written.append(f"page: {asked.out}")
        for name, svg in plots(record).items() if asked.svg else ():
            path = asked.out.with_name(f"{asked.out.stem}-{name}")
            path.write_text(svg, encoding="utf-8", errors="replace")
            written.append(f"plot: {path}")
    print("\n".join([text(summarise(record)), "", *written]).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
