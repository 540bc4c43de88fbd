"""The mixed training dataset: examples from notes and pairs, leakage kept out, JSON lines."""
