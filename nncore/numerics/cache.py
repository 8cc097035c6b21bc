"""Results kept for their next use while they fit into memory, the least recently used forgotten first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def kept(budget: int, size: Callable[[T], int]) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Decorator: remember results by their arguments, while all their `size(result)` are within `budget`.

    `functools.lru_cache` counts results; this one weighs them: thousands of small ones may stay, or a few
    large ones. One that is larger than the budget is not kept.

    >>> @kept(10, size=len)
    ... def times(text, count):
    ...     print("made")
    ...     return text * count
    >>> times("ab", 3), times("ab", 3)
    made
    ('ababab', 'ababab')
    """

    def remember(function: Callable[..., T]) -> Callable[..., T]:
        results: OrderedDict[tuple[Any, ...], T] = OrderedDict()
        lock, weight = threading.Lock(), 0

        @wraps(function)
        def remembered(*arguments: Any) -> T:
            nonlocal weight
            with lock:
                if arguments in results:
                    results.move_to_end(arguments)
                    return results[arguments]
            result = function(*arguments)
            with lock:
                if arguments not in results:
                    results[arguments] = result
                    weight += size(result)
                while weight > budget:
                    weight -= size(results.popitem(last=False)[1])
            return result

        return remembered

    return remember
