"""Answers of coding models: the coding format as it is written, and whatever models make of it, read."""
