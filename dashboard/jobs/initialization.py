"""What of a config decides how its run begins."""

from __future__ import annotations

from nncore import RunConfig


def at_the_start(config: RunConfig) -> RunConfig:
    """What of a config decides its first weights: runs that differ in training only share their spectrum."""
    kept = {
        field.name: getattr(config, field.name)
        for field in RunConfig.fields()
        if field.metadata["group"] != "training" or field.name in ("loss", "seed", "dtype", "probe_size")
    }
    return RunConfig(steps=0, **kept)
