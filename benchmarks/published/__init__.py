"""Published numbers beside what nncore finds: `python -m benchmarks.published`."""
