"""``python -m cmfq.cli``."""

import sys

from cmfq.cli import main

if __name__ == "__main__":
    sys.exit(main())
