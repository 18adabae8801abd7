"""`python -m handgrad` does what `handgrad` does."""

import sys

from handgrad.cli import main

if __name__ == "__main__":
    sys.exit(main())
