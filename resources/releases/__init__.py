"""Where a release comes from: packaged, on disk, stored or downloaded."""
