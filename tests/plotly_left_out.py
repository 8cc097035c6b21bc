"""`python -m tests.plotly_left_out`: which bytes of plotly.min.js the charts do without, into dashboard/plot/left_out.json.

The file is one function of JavaScript. Its modules are functions that nothing runs before they are asked for, `var b=W(()=>{...})`,
and one of them registers the kinds of traces, each a module of its own: `register([b(),c(),...])`. The kinds that no chart
draws are taken off that list, and then the bodies of all modules that nothing is left to ask for.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from hashlib import sha256

import tree_sitter
import tree_sitter_javascript

from dashboard.plot.library import LEFT_OUT, SOURCE, TRACES, taken
from nncore.history.whole_file import write_whole_text

CALL = re.compile(rb"(?<![\w$.])([\w$]+)\(\)")
REGISTERED = re.compile(rb"\.register\(\[((?:[\w$]+\(\),?){20,})\]\)")
FORWARDED = re.compile(rb"\.exports=([\w$]+)\(\)$")
TRACE = re.compile(rb'moduleType:"trace",name:"(\w+)"')

Span = tuple[int, int]
"""From a byte up to another one."""


def left_out(source: bytes, traces: frozenset[str] = TRACES) -> str:
    """What LEFT_OUT says of such a file, JSON. Raises LookupError on a file that is not built as plotly.min.js is."""
    modules = _modules(source)
    body = {name: source[start:stop] for name, (start, stop) in modules.items()}
    registry, kinds = next(
        ((name, found) for name, text in body.items() if (found := REGISTERED.search(text))), (b"", None)
    )
    if kinds is None:
        raise LookupError("the file registers no kinds of traces, as plotly.min.js does")
    entries = [(found[1], found.span()) for found in re.finditer(rb"([\w$]+)\(\),?", kinds[1])]
    unwanted = {name for name, _ in entries if _kind(body, name) not in traces}
    if len(entries) - len(unwanted) < len(traces) - 1:  # scatter is in the core
        raise LookupError(f"the file registers not all of {', '.join(sorted(traces))}")

    outside = taken(source, _runs(modules.values(), len(source)))
    asked_for, waiting = set[bytes](), CALL.findall(outside)
    while waiting:
        name = waiting.pop()
        if name in modules and name not in asked_for:
            asked_for.add(name)
            waiting += [each for each in CALL.findall(body[name]) if name != registry or each not in unwanted]

    offset = modules[registry][0] + kinds.start(1)
    spans = [(offset + start, offset + stop) for name, (start, stop) in entries if name in unwanted]
    spans += [span for name, span in modules.items() if name not in asked_for]
    runs = json.dumps(list(_runs(spans, len(source))))
    return f'{{"sha256": "{sha256(source).hexdigest()}", "runs":\n{textwrap.fill(runs, 120)}}}\n'


def _modules(source: bytes) -> dict[bytes, Span]:
    """Module -> where the body of its function stands."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    whole = max(_blocks(parser.parse(source).root_node), key=lambda block: block.named_child_count)
    found = {}
    for declared in (each for statement in whole.named_children for each in statement.named_children):
        value = declared.child_by_field_name("value")
        name, arguments = declared.child_by_field_name("name"), value and value.child_by_field_name("arguments")
        if name is None or name.text is None or arguments is None or arguments.named_child_count != 1:
            continue
        body = arguments.named_children[0].child_by_field_name("body")
        if body is not None and body.type == "statement_block":
            found[name.text] = (body.start_byte + 1, body.end_byte - 1)
    return found


def _blocks(node: tree_sitter.Node, depth: int = 12) -> Iterator[tree_sitter.Node]:
    """The blocks of statements that are nested no deeper."""
    if node.type == "statement_block":
        yield node
    for each in node.children if depth else ():
        yield from _blocks(each, depth - 1)


def _kind(body: dict[bytes, bytes], name: bytes) -> str:
    """The kind of trace that a module is, which it exports from another one; empty where it is none."""
    exported = FORWARDED.search(body.get(name, b""))
    found = exported and TRACE.search(body.get(exported[1], b""))
    return found[1].decode() if found else ""


def _runs(spans: Iterable[Span], size: int) -> Iterator[int]:
    """How many of so many bytes are taken and left out in turns, to leave out these spans."""
    place = 0
    for start, stop in sorted(spans):
        yield start - place
        yield stop - start
        place = stop
    yield size - place


if __name__ == "__main__":
    write_whole_text(LEFT_OUT, left_out(SOURCE.read_bytes()))
