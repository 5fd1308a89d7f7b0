"""`python -m ftui` is the `ftui` command."""

import sys

from ftui.cli import main

if __name__ == "__main__":
    sys.exit(main())
