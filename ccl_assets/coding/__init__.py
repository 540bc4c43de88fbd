"""A note in, evidence and codes out: the output format, how answers are read, and the systems that code."""
