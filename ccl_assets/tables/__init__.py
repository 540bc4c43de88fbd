"""Promises of a stored table: its contract, the outcome of a gate, and bulk reading."""
