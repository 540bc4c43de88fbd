"""Scores: units, counts, figures, intervals, evidence metrics, rule violations."""
