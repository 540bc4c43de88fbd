"""The gold tier: pairs that the release itself states."""
