"""``python -m ccl_assets.releases``: keep official releases side by side."""

import sys

from ccl_assets.releases.command import main

if __name__ == "__main__":
    sys.exit(main())
