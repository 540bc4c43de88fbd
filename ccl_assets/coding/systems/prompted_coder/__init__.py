"""Temporary, as ``adapter_coder``."""
