"""Linking: spans of the knowledge base found in notes, weighed by what they were worth in annotated notes. No language model."""
