"""The knowledge base of evidence-code pairs: gold, silver, synthetic."""
