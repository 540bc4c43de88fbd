"""The error of everything that reads a release."""


class ReleaseError(ValueError):
    """A release cannot be read; the message names the file and what to do."""
