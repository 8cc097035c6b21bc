"""`python -m benchmarks [T M D D32 L E first cost sweep scale breakdown] [--rounds N]`: measure, print, write RESULTS.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import breakdown, cost, report, scale, sweeps
from benchmarks.measure import CONTENDERS, measure, measure_first


def main() -> None:
    """Everything by default; RESULTS.md is written only then, so that it always holds one whole run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    everything = [*CONTENDERS, "cost", "sweep", "scale", "breakdown"]
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"any of {', '.join(everything)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each contender (3)")
    parser.add_argument("--fit", action="store_true", help="print the constants of nncore.config.cost that fit best")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="what `python -m benchmarks.page --out FILE` measured"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.what if name not in everything]
    if unknown:
        parser.error(f"WHAT must be any of {', '.join(everything)}; got {', '.join(unknown)}")
    if arguments.fit:
        for name, value in cost.fit(arguments.rounds).items():
            print(f"{name} = {value:.2g}")
        return
    chosen = arguments.what or everything
    waited = json.loads(arguments.page.read_text(encoding="utf-8")) if arguments.page else {}
    measured = {}
    for name in CONTENDERS:
        if name in chosen:
            measured[name] = measure_first(arguments.rounds) if name == "first" else measure(name, arguments.rounds)
            found = (f"{who} {report.ratio(measured[name], who)[0]:.3g}" for who in measured[name])
            print(f"{name}: {', '.join(found)}", flush=True)
    costs = cost.compare(3) if "cost" in chosen else []
    for name, value in costs:
        print(f"estimate / measured, {name}: {value:.2f}")
    swept = sweeps.measure(arguments.rounds) if "sweep" in chosen else {}
    if swept:
        print("\n".join(report.sweeps_table(swept)), flush=True)
        for name, each in sweeps.thousand_runs().items():
            cost_of_them = f"{each.core_seconds:.3g} s of one core, {each.megabytes:.2g} MB of table"
            print(f"1,000 runs like {name}: {cost_of_them}")
    grown = scale.measure(arguments.rounds) if "scale" in chosen else {}
    large = scale.measure_large(arguments.rounds) if "scale" in chosen else None
    if grown:
        print("\n".join(report.scale_table(grown, large)), flush=True)
    broken = breakdown.measure_all(arguments.rounds) if "breakdown" in chosen else {}
    if broken:
        print("\n".join(report.breakdown_table(broken)), flush=True)
    if not arguments.what:
        report.write(measured, costs, swept, grown, large, waited, broken)
        print(f"Written to benchmarks/{report.RESULTS.name}.")


if __name__ == "__main__":
    main()
