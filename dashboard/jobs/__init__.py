"""Work in the background: what may run, how much of it, and its progress."""
