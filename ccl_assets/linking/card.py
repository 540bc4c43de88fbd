"""The card of a span coder: what it is made of, how it did, and what its verifier weighs."""

from __future__ import annotations

from collections.abc import Mapping

from ccl_assets.linking.calibration import Bin, calibration_error, reliability_bins, share_at_precision
from ccl_assets.linking.training import Trained


def figures(trained: Trained) -> dict[str, float | int | str]:
    """Flat figures for metadata."""
    coder = trained.coder
    bins = bins_of(trained)
    found: dict[str, float | int | str] = {
        "terms": len(coder.terms),
        "training_notes": coder.reliability.note_count,
        "candidates": coder.verifier.candidate_count,
        "threshold": round(coder.verifier.threshold, 4),
        "judged_on": trained.judged_on,
        **{f"terms_{tier}": count for tier, count in sorted(coder.terms.tiers().items())},
    }
    if trained.probabilities:
        kept = [
            given
            for p, given in zip(trained.probabilities, trained.is_given, strict=True)
            if p >= coder.verifier.threshold
        ]
        found["calibration_error"] = round(calibration_error(bins), 4)
        found["micro_f1"] = round(2 * sum(kept) / max(1, len(kept) + trained.given_count), 4)
        found["taken_unread_at_95"] = round(share_at_precision(trained.probabilities, trained.is_given), 4)
    return found


def bins_of(trained: Trained) -> list[Bin]:
    """Bins of the reliability diagram."""
    return reliability_bins(trained.probabilities, trained.is_given)


def card(rung: str, trained: Mapping[str, Trained]) -> str:
    """The card in Markdown."""
    lines = [
        f"# Span coder, rung `{rung}`",
        "",
        "Terms looked up in notes by their stems, weighed by how often they carried their code in training notes,",
        "kept or dropped by a logistic regression on the features below. It holds words of its training",
        "notes: where these are restricted, so is it.",
    ]
    for language, one in trained.items():
        lines += ["", f"## {language}", "", "| figure | value |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in figures(one).items()]
        lines += ["", "| feature | weight on a standard deviation |", "|---|---|"]
        weights = zip(one.coder.verifier.features, one.coder.verifier.weights, strict=True)
        lines += [
            f"| {name} | {weight:+.3f} |" for name, weight in sorted(weights, key=lambda pair: -abs(pair[1])) if weight
        ]
    return "\n".join(lines) + "\n"
