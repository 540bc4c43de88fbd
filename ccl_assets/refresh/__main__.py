"""``python -m ccl_assets.refresh``: materialize what is stale or missing."""

import sys

from ccl_assets.refresh.command import main

if __name__ == "__main__":
    sys.exit(main())
