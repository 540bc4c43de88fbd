"""What a stored table must be: its contract, the outcome of a gate, and bulk reading."""
