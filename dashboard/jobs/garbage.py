"""What Python's garbage collector need not look through again and again."""

import gc
from functools import cache


@cache
def leave_out_loaded(page: str) -> None:
    """Leave all that is in memory now out of later collections; once for each page, when it has loaded its modules.

    Streamlit collects after every run of a page, and nobody on the server is answered meanwhile: with the packages that
    the pages load this takes longer than the page itself. What is left out is still freed when its last reference goes, as
    a history is, which is in no cycle.
    """
    gc.collect()
    gc.freeze()
