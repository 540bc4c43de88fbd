"""Everything an asset's shell needs: the table asset, descriptions and groups, code versions, plots, pools, progress."""
