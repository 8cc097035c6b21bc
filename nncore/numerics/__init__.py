"""Numbers and processors: norms that do not overflow, BLAS threads, a cache by size, choices by name, even spacing."""
