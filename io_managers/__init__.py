"""Storage of assets: Delta tables, FAISS indexes, artifact directories."""
