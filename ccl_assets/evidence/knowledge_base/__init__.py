"""The knowledge base: all tiers together, ambiguity settled, benchmark overlap marked."""
