"""`python -m nncore`: the command line."""

import sys

from nncore.command import main

if __name__ == "__main__":
    sys.exit(main())
