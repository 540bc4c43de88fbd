"""transformers in this process: loading, decoding, guided answers."""
