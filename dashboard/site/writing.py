"""A site's files in a folder: all of them or none."""

from __future__ import annotations

import shutil
from pathlib import Path

from dashboard.site.content import Site, Told
from nncore.history.whole_file import whole_file

DRAFT = ".site.tmp"


def write_site(folder: Path, site: Site, workers: int = 1, told: Told = lambda done, total: None) -> int:
    """Write a site into a new or an empty folder; the bytes of its files.

    They are made in a folder within it and moved when all are there, index.html last; after an error, or Ctrl-C, nothing is
    left. `workers`: processes that train. Raises ValueError where the folder holds something or a run cannot be trained,
    and OSError where the system refuses.
    """
    is_new = not folder.exists()
    if not is_new and (not folder.is_dir() or any(path.name != DRAFT for path in folder.iterdir())):
        raise ValueError(f"{folder} must be a new or an empty folder")
    draft = folder / DRAFT
    size = 0
    try:
        shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
        (draft / "runs").mkdir(parents=True)
        for name, content in site.files(workers, told):
            size += len(content)
            with whole_file(draft / name) as file:
                file.write(content)
        for path in sorted(draft.iterdir(), key=lambda path: path.name == "index.html"):
            path.rename(folder / path.name)
        draft.rmdir()
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        if is_new and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return size
