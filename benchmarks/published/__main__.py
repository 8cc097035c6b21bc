"""`python -m benchmarks.published [--docs]`: print published numbers beside ours, and write docs/published.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.published.results import HEAD, RESULTS, document
from nncore.history.whole_file import write_whole_text

DOCUMENT = Path(__file__).parents[2] / "docs" / "published.md"


def main(arguments: list[str] | None = None) -> int:
    """Print section after section; 1 where a number does not agree."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.published", description="Published numbers beside ours."
    )
    parser.add_argument("--docs", action="store_true", help=f"write docs/{DOCUMENT.name} too")
    write = parser.parse_args(arguments).docs
    print(HEAD)
    found = []
    for result in RESULTS:
        rows = result.rows()
        print(result.section(rows), flush=True)
        found.append((result, rows))
    if write:
        write_whole_text(DOCUMENT, document(found))
    return 0 if all(row.agrees for _, rows in found for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
