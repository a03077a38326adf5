"""``python -m rnnbp`` is the `rnnbp` command."""

import sys

from rnnbp.cli.main import main

if __name__ == "__main__":  # not in the processes that `compare` starts
    sys.exit(main())
