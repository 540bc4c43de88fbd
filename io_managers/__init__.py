"""How assets are stored: Delta tables, FAISS indexes, artifact directories."""
