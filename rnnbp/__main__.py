"""``python -m rnnbp`` is the `rnnbp` command."""

import sys

from rnnbp.cli import main

sys.exit(main())
