"""What a recorded run is made of: its modules and parameters by name, in execution order, and the facts of the whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from nncore.recorders.columns import ROLES

FORMAT = 1
"""Version of the file of a recorded run."""

KIND = "measurements"
"""What the file calls itself, beside the histories of nncore's own runs."""

MOST_UNITS = 10_000
LONGEST_TEXT = 500
MOST_HEADER_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Unit:
    """The run itself, a module or a parameter.

    `name` and `aliases`: as in the model; a tied parameter has several. `type`: its class, a parameter has its module's.
    `shape`: of the module's first recorded output, rows first, or of the parameter. `module`: the name of the module
    that owns a parameter. `block`: the outermost numbered part of the model that holds it, such as blocks.3, but of a stage of
    blocks one of these; "" outside.
    `order`: its place in execution order, a parameter's is its module's; -1 for a module that was never called.
    `leaf`: it has no modules inside. `trained`: some optimizer holds it, or one of its parameters. `follows`: name of
    the module whose output is its input as it stands, "" where there is none or something lies between.
    """

    role: str
    name: str
    type: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    module: str = ""
    block: str = ""
    order: int = -1
    leaf: bool = True
    trained: bool = False
    follows: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is in every block: its name without its block's, such as attn.qkv; "" for a block itself.

        >>> Unit("module", "blocks.3.attn.qkv", block="blocks.3").kind
        'attn.qkv'
        """
        if self.block and (self.name + ".").startswith(self.block + "."):
            return self.name[len(self.block) + 1 :]
        return self.name

    @property
    def is_weight(self) -> bool:
        """Has a parameter two or more dimensions? Where no shape is known, as in a log, its name says it: it is no bias.

        >>> Unit("parameter", "0.weight", shape=(3, 2), dtype="float32").is_weight, Unit("parameter", "0.bias").is_weight
        (True, False)
        """
        return len(self.shape) > 1 if self.dtype else "bias" not in self.name.rpartition(".")[2]

    @classmethod
    def of(cls, facts: Any) -> Unit:
        """The unit of a file's facts; raises ValueError on anything that is none."""
        if not isinstance(facts, dict):
            raise ValueError(f"a unit must be a JSON object; got {type(facts).__name__}")
        known = {each.name: facts[each.name] for each in fields(cls) if each.name in facts}
        for name, value in known.items():
            known[name] = _checked(name, value)
        if known.get("role") not in ROLES:
            raise ValueError(f"a unit's role must be one of {', '.join(ROLES)}; got {known.get('role')!r}")
        if "name" not in known:
            raise ValueError("a unit must have a name")
        return cls(**known)


def _checked(name: str, value: Any) -> Any:
    if name == "shape":
        if not isinstance(value, list) or len(value) > 16 or not all(type(each) is int for each in value):
            raise ValueError("a unit's shape must be a list of at most 16 whole numbers")
        return tuple(value)
    if name == "aliases":
        if not isinstance(value, list) or len(value) > MOST_UNITS or not all(isinstance(each, str) for each in value):
            raise ValueError("a unit's aliases must be a list of names")
        return tuple(each[:LONGEST_TEXT] for each in value)
    expected = {"order": int, "leaf": bool, "trained": bool}.get(name, str)
    if type(value) is not expected:
        raise ValueError(f"a unit's {name} must be of type {expected.__name__}; got {value!r:.40}")
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise ValueError(f"a unit's {name} must have at most {LONGEST_TEXT} characters")
    return value


@dataclass(frozen=True)
class Header:
    """The facts of a recorded run beside its rows.

    `units`: the first is the run. `framework`: what trained it. `every`: steps between records. `caveats`: sentences a
    reader has to know. `finished`: recording was closed; `ended`: by what, where that was an error. `is_log`: it comes
    from a log that was kept by other means, in which what is missing may just not have been logged. `of_rows`: δ is of each
    row's own loss, the root mean square over rows, as nncore has it; otherwise of what backward was called on.
    """

    units: tuple[Unit, ...]
    framework: str = ""
    every: int = 1
    caveats: tuple[str, ...] = ()
    finished: bool = False
    ended: str = ""
    is_log: bool = False
    of_rows: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As text for the file."""
        facts = asdict(self)
        return json.dumps({"format": FORMAT, "kind": KIND, **facts.pop("more"), **facts}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Header:
        """The header of a file's text; raises ValueError, one sentence, where it is none."""
        if len(text) > MOST_HEADER_BYTES:
            raise ValueError(f"its header has {len(text):,} bytes and {MOST_HEADER_BYTES:,} are read")
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its header must be JSON ({error})") from error
        if not isinstance(facts, dict) or facts.get("kind") != KIND:
            raise ValueError("it holds no recorded measurements")
        if facts.get("format") != FORMAT:
            raise ValueError(f"its format must be {FORMAT}; got {facts.get('format')!r:.40}")
        units = facts.get("units")
        if not isinstance(units, list) or not 1 <= len(units) <= MOST_UNITS:
            raise ValueError(f"it must have from 1 to {MOST_UNITS:,} units")
        read = tuple(map(Unit.of, units))
        if [unit.role for unit in read].count("run") != 1 or read[0].role != "run":
            raise ValueError("its first unit must be the run, and the only one of that role")
        for role in ROLES[1:]:
            names = [unit.name for unit in read if unit.role == role]
            if len(set(names)) < len(names):
                raise ValueError(f"two of its units of role {role} have the same name")
        every, caveats = facts.get("every"), facts.get("caveats")
        if type(every) is not int or every < 1:
            raise ValueError("every must be a whole number from 1")
        if not isinstance(caveats, list) or not all(isinstance(each, str) for each in caveats) or len(caveats) > 100:
            raise ValueError("its caveats must be a list of sentences")
        return cls(
            read,
            str(facts.get("framework", ""))[:LONGEST_TEXT],
            every,
            tuple(each[:LONGEST_TEXT] for each in caveats),
            facts.get("finished") is True,
            str(facts.get("ended", ""))[:LONGEST_TEXT],
            facts.get("is_log") is True,
            facts.get("of_rows") is True,
        )
