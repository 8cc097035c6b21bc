"""What `nncore site` starts: `python -m dashboard.site` with the same flags."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboard.site.content import Site
from dashboard.site.experiments import chosen
from dashboard.site.grid import GRIDS
from dashboard.site.lessons import read
from dashboard.site.writing import write_site
from nncore.command.run import FINE, INTERRUPTED, REFUSED
from nncore.command.site import add_site
from nncore.command.speech import Parser, plainly, tell
from nncore.config.own import run_file_of_environment
from nncore.display.progress import bar
from nncore.sweep.workers import cores


def main() -> int:
    """Write the site; the exit code. A refusal is one sentence on standard error."""
    parser = Parser(prog="nncore site")
    add_site(parser)
    arguments = parser.parse_args()
    try:
        run_file_of_environment()
        lessons = tuple(lesson for text in arguments.lesson for lesson in read(text))
        site = Site(GRIDS.get(arguments.grid), chosen(arguments.experiments), lessons)
        for each in lessons:
            if each.left_out:
                tell(
                    "nncore site",
                    f"{each.lesson.title}: a site has no {', '.join(each.left_out)}, which the lesson shows in the app.",
                )
        folder = Path(arguments.folder)
        print(f"Training {len(site.runs())} networks.", flush=True)
        with bar("run", quiet=False) as told:
            size = write_site(folder, site, arguments.workers or cores(), told)
        print(f"Written: {folder / 'index.html'}, {size / 2**20:.1f} MB in all.")
    except (ValueError, OSError, MemoryError) as error:
        tell("nncore site", plainly(error))
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return FINE


if __name__ == "__main__":
    sys.exit(main())
