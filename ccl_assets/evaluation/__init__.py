"""Evaluation of systems: counts, figures with intervals, evidence metrics, published figures and the report."""
