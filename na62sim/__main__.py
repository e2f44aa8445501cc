"""``python -m na62sim``."""

import sys

from na62sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
