"""``python -m ccl_assets.sft.training CONFIG.json``: train one adapter."""

from ccl_assets.sft.training.process import main

if __name__ == "__main__":
    main()
