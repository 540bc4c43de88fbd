"""How well systems code: counts, figures with intervals, evidence metrics, published figures and the report."""
