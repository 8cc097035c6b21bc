"""nncore beside what a user would use instead: the same recorded output from each, in one run, as ratios."""
