"""``python -m ccl_assets.coding NOTE.txt``: code one note."""

import sys

from ccl_assets.coding.command.line import main

if __name__ == "__main__":
    sys.exit(main())
