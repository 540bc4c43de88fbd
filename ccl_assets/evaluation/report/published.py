"""Figures the literature reports, as data, to stand beside the project's own and never among them.

Copied from the tables of Span-Centric Learning (arXiv:2603.15270), which names neither the unit of scoring, the label
space nor the macro convention; backbones, training data and the edition of the codes differ from the project's.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Span-Centric Learning, arXiv:2603.15270"
CAVEAT = (
    "Other backbones, training data and code editions; unit, label space and macro convention are not stated in the "
    "source. Not comparable with the figures above."
)
METHOD = "CCL / SCL"


@dataclass(frozen=True)
class PublishedResult:
    """One published row, in percent.

    Attributes:
        system: Name in the source.
        backbone: Model it runs on.
        benchmark: ``MDACE`` or ``ACI-Bench``.
        micro_f1: Micro-F1.
        macro_f1: Macro-F1; ``None`` where the source gives micro-F1 only.
        recall: Micro recall.
        precision: Micro precision.
        note: What a reader must know.
    """

    system: str
    backbone: str
    benchmark: str
    micro_f1: float
    macro_f1: float | None = None
    recall: float | None = None
    precision: float | None = None
    note: str = ""

    @property
    def f1_of_its_own_rates(self) -> float | None:
        """Micro-F1 that the published precision and recall give; differs where the source contradicts itself."""
        if self.precision is None or self.recall is None:
            return None
        return 2 * self.precision * self.recall / (self.precision + self.recall)


_ROBERTA, _LLAMA = "RoBERTa 120M", "Llama-3.1-8B"

RESULTS = (
    PublishedResult("PLM-ICD", _ROBERTA, "MDACE", 50.6, 26.5, 66.6, 40.8),
    PublishedResult("PLM-CA", _ROBERTA, "MDACE", 50.0, 25.8, 65.3, 40.4),
    PublishedResult("GKI-ICD", _ROBERTA, "MDACE", 50.4, 26.3, 64.3, 41.0, "its own precision and recall give 50.1"),
    PublishedResult("CoT", "GPT-4.1", "MDACE", 57.0, 35.8, 59.7, 54.4),
    PublishedResult("CoT-SC", "GPT-4.1", "MDACE", 57.1, 36.2, 56.1, 58.2, "kept if given in 3 of 5 runs"),
    PublishedResult("MAC", "GPT-4.1", "MDACE", 48.1, 31.0, 61.2, 39.7),
    PublishedResult("CLH", "Qwen3-235B-A22B", "MDACE", 56.3, 43.7, 55.2, 57.6),
    PublishedResult("CoT", _LLAMA, "MDACE", 26.5, 9.1, 20.2, 38.9),
    PublishedResult("SFT, code-only", _LLAMA, "MDACE", 57.4, 34.5, 60.1, 55.0),
    PublishedResult(METHOD, _LLAMA, "MDACE", 59.3, 35.2, 56.4, 62.5),
    PublishedResult(
        f"{METHOD} + human evidence", _LLAMA, "MDACE", 78.0, 54.8, 73.5, 83.0, "evidence given at inference"
    ),
    PublishedResult("PLM-ICD", _ROBERTA, "ACI-Bench", 39.3, 18.3, 58.1, 39.6, "its own precision and recall give 47.1"),
    PublishedResult("PLM-CA", _ROBERTA, "ACI-Bench", 25.1, 11.1, 64.8, 15.5),
    PublishedResult("GKI-ICD", _ROBERTA, "ACI-Bench", 47.8, 25.8, 62.0, 39.0),
    PublishedResult("CoT", "GPT-4.1", "ACI-Bench", 61.9, 48.1, 67.6, 57.0),
    PublishedResult("CoT-SC", "GPT-4.1", "ACI-Bench", 61.4, 47.4, 67.6, 56.2, "kept if given in 3 of 5 runs"),
    PublishedResult("MAC", "GPT-4.1", "ACI-Bench", 51.5, 45.6, 69.6, 40.9),
    PublishedResult("CLH", "Qwen3-235B-A22B", "ACI-Bench", 67.1, 47.7, 66.1, 68.1),
    PublishedResult("CoT", _LLAMA, "ACI-Bench", 43.4, 12.4, 36.4, 53.6),
    PublishedResult("SFT, code-only", _LLAMA, "ACI-Bench", 63.4, 38.9, 57.9, 70.1),
    PublishedResult(METHOD, _LLAMA, "ACI-Bench", 65.8, 47.1, 64.8, 67.0),
)

ABLATION = (
    PublishedResult("no training", _LLAMA, "MDACE", 26.5, 9.1, 20.2, 38.9),
    PublishedResult("code-only", _LLAMA, "MDACE", 42.3, 17.0, 37.8, 48.2),
    PublishedResult("evidence + code", _LLAMA, "MDACE", 49.7, 21.4, 47.0, 52.8),
    PublishedResult("+ gold spans", _LLAMA, "MDACE", 53.4, 25.2, 57.2, 50.1),
    PublishedResult("+ silver + synthetic (full)", _LLAMA, "MDACE", 59.3, 35.2, 56.4, 62.5),
)

BACKBONES = (
    PublishedResult(METHOD, "Llama-3.2-1B", "MDACE", 40.8),
    PublishedResult(METHOD, "Llama-3.2-3B", "MDACE", 53.2),
    PublishedResult(METHOD, _LLAMA, "MDACE", 59.3),
    PublishedResult(METHOD, "Qwen2.5-0.5B", "MDACE", 31.8),
    PublishedResult(METHOD, "Qwen2.5-1.5B", "MDACE", 50.6),
    PublishedResult(METHOD, "Qwen2.5-7B", "MDACE", 54.2),
)

# Corpora of the project that a published benchmark is about.
_CORPORA = {"mdace": "MDACE", "aci_bench": "ACI-Bench"}


def of_benchmark(name: str) -> tuple[PublishedResult, ...]:
    """Published results on the corpus of a benchmark (``corpus/split``)."""
    published_as = _CORPORA.get(name.partition("/")[0])
    return tuple(row for row in RESULTS if row.benchmark == published_as)
