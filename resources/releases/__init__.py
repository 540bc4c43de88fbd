"""Origins of a release: packaged, on disk, stored or downloaded."""
