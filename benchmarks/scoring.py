"""Scoring at size: 1,000 notes, 10 systems, every figure and subset, rule violations, 1,000 resamples.

``.venv/bin/python benchmarks/scoring.py``. Charts, codes and spans are generated with MDACE's proportions on the packaged release.
Beside it, in the same process, the plain way to the same five code figures of one unit: each resample of charts drawn and given
to scikit-learn, or to a loop over sets, on a few resamples from which the whole is reckoned.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

CHARTS = 500
NOTES_PER_CHART = 2
CODES_PER_NOTE = 6
DISTINCT_CODES = 1_500
CHARACTERS = 8_000
SYSTEMS = 10
PLAIN_RESAMPLES = 5


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=SYSTEMS)
    parser.add_argument("--charts", type=int, default=CHARTS)
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument("--profile", action="store_true", help="print where the time of the first system goes")
    chosen = parser.parse_args()

    from ccl_assets.corpora.code_counts import code_counts
    from ccl_assets.evaluation.scoring.abstention import abstention_curve
    from ccl_assets.evaluation.scoring.code_subsets import code_subsets
    from ccl_assets.evaluation.scoring.rule_violations import CodingRules
    from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system
    from ccl_assets.icd.instructions.lookup import Instructions

    codes, instructions = release()
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    corpus = Corpus(random.Random(7), sorted(billable), chosen.charts)
    systems = [corpus.predictions(f"system_{number}", 0.3 + 0.05 * number) for number in range(chosen.systems)]
    predicted = sum(len(row) for table in systems for row in table["predictions"].to_pylist())
    print(
        f"{corpus.tables['documents'].num_rows:,} notes with training, {len(systems)} systems, {predicted:,} predicted codes"
    )

    started = time.perf_counter()
    yardstick = {
        "subsets": code_subsets(code_counts(corpus.tables["documents"], corpus.tables["labels"]), corpus.pairs),
        "coding_rules": CodingRules(Instructions.from_tables(codes, instructions)),
    }
    print(f"subsets and rules: {time.perf_counter() - started:.1f} s")

    profiler = cProfile.Profile()
    seconds, rows, processor = [], 0, time.process_time()
    for number, predictions in enumerate(systems):
        if chosen.profile and number == 0:
            profiler.enable()
        started = time.perf_counter()
        rows += len(
            score_system(predictions, **corpus.tables, codes=billable, resample_count=chosen.resamples, **yardstick)
        )
        seconds.append(time.perf_counter() - started)
        profiler.disable()
    processor = time.process_time() - processor
    print(f"score_system: {sum(seconds):.1f} s for all ({processor:.1f} s of one core), {rows:,} rows")
    print(f"  {min(seconds):.2f} to {max(seconds):.2f} s each")
    if chosen.profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
    started = time.perf_counter()
    points = [point for table in systems for point in abstention_curve(table, **corpus.tables, codes=billable)]
    print(f"abstention_curve: {time.perf_counter() - started:.1f} s for all, {len(points)} points")
    if len(systems) > 1:
        started = time.perf_counter()
        paired_differences(*systems[:2], **corpus.tables, codes=billable, resample_count=chosen.resamples)
        print(f"paired_differences: {time.perf_counter() - started:.1f} s for one pair, all codes together")

    gold, given = corpus.sets(systems[0])
    for name, way in (("scikit-learn", by_scikit_learn), ("a loop over sets", by_loop)):
        started = time.perf_counter()
        way(gold, given, PLAIN_RESAMPLES)
        each = (time.perf_counter() - started) / PLAIN_RESAMPLES
        print(
            f"{name}: {each * 1000:.0f} ms a resample, {each * chosen.resamples:.0f} s for five figures of one system"
        )


def release() -> tuple[Any, Any]:
    """Codes and instructions of the packaged release."""
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES, INSTRUCTIONS
    from ccl_assets.icd.tabular.tabular_list import parse_tabular

    packaged = open_release()
    tabular = parse_tabular(packaged.tabular, packaged.label)
    return CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions)


class Corpus:
    """Charts of two notes with a test split to be scored and a train split of the same size; spans for every code."""

    def __init__(self, rng: random.Random, billable: Sequence[str], charts: int) -> None:
        """Draw codes with Zipf's frequencies, which leave many codes once in the test split, as in MDACE."""
        from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS

        self.rng = rng
        self.codes = rng.sample(list(billable), DISTINCT_CODES)
        self.weights = [1 / (rank + 3) for rank in range(DISTINCT_CODES)]
        words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(4_000)]
        documents, labels, evidence = [], [], []
        self.spans: dict[str, dict[str, tuple[int, int]]] = {}
        for split in ("test", "train"):
            for number in range(charts * NOTES_PER_CHART):
                note, chart = f"{split}-{number}", f"{split}-chart-{number // NOTES_PER_CHART}"
                text = " ".join(rng.choices(words, k=CHARACTERS // 7))
                documents.append(
                    {"corpus": "mdace", "document_id": note, "chart_id": chart, "source": "", "split": split}
                    | {"category": "discharge_summary" if number % 2 else "physician", "text": text}
                    | {"character_count": len(text), "text_sha256": "", "is_restricted": False, "note_shard": ""}
                )
                self.spans[note] = {code: self.place(len(text)) for code in self.draw()}
                for position, (code, (begin, end)) in enumerate(self.spans[note].items(), start=1):
                    shared = {
                        "corpus": "mdace",
                        "chart_id": chart,
                        "document_id": note,
                        "code": code,
                        "source_code": code,
                    }
                    labels.append(shared | {"position": position, "note_shard": ""})
                    place = {"begin": begin, "end": end}
                    evidence.append(shared | place | {"fragments": [place], "evidence_text": text[begin:end]})
        self.tables = {
            "documents": DOCUMENTS.table(documents),
            "labels": LABELS.table(labels),
            "evidence": EVIDENCE.table(evidence),
        }

    @property
    def pairs(self) -> Any:
        """A knowledge base in which every code has one tier."""
        import pyarrow as pa

        tiers = [("gold", "silver", "synthetic")[number % 3] for number in range(DISTINCT_CODES)]
        return pa.table({"code": self.codes, "tier": tiers, "is_trainable": [True] * DISTINCT_CODES})

    def draw(self) -> list[str]:
        """Codes of one note."""
        return sorted(set(self.rng.choices(self.codes, self.weights, k=CODES_PER_NOTE)))

    def place(self, length: int) -> tuple[int, int]:
        """A span of a few words."""
        begin = self.rng.randrange(length - 60)
        return begin, begin + self.rng.randint(8, 50)

    def predictions(self, system: str, accuracy: float) -> Any:
        """What a system says: some gold codes with nearly their spans, some others, one code in fifty invalid."""
        from ccl_assets.evaluation.tables import PREDICTIONS

        rows = []
        for document in self.tables["documents"].to_pylist():
            if document["split"] != "test":
                continue
            spans = self.spans[document["document_id"]]
            given = {code: span for code, span in spans.items() if self.rng.random() < accuracy}
            given |= {code: self.place(len(document["text"])) for code in self.draw()[:3]}
            if self.rng.random() < 0.12:
                given["X99.99"] = (0, 9)
            predicted = [
                {"code": code, "is_valid": True, "evidence": document["text"][begin:end], "begin": begin, "end": end}
                | {"evidence_status": "verbatim", "confidence": self.rng.random(), "repaired_from": None}
                for code, (begin, end) in given.items()
            ]
            rows.append(
                {name: document[name] for name in ("corpus", "split", "document_id", "chart_id")}
                | {"system": system, "raw_output": None, "predictions": predicted, "problems": [], "was_asked": True}
                | {"prompt_token_count": 0, "completion_token_count": 0, "seconds": 0.0, "model": None}
                | {"prompt_sha256": None}
            )
        return PREDICTIONS.table(rows)

    def sets(self, predictions: Any) -> tuple[list[set[str]], list[set[str]]]:
        """Gold and predicted codes of each chart."""
        gold: dict[str, set[str]] = {}
        given: dict[str, set[str]] = {}
        for row in predictions.to_pylist():
            gold.setdefault(row["chart_id"], set()).update(self.spans[row["document_id"]])
            given.setdefault(row["chart_id"], set()).update(one["code"] for one in row["predictions"])
        return list(gold.values()), [given[chart] for chart in gold]


def by_scikit_learn(gold: Sequence[set[str]], given: Sequence[set[str]], resamples: int) -> list[Mapping[str, float]]:
    """Micro and macro figures of each resample."""
    import warnings

    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    binarizer = MultiLabelBinarizer(sparse_output=True).fit([*gold, *given])
    wanted, predicted = binarizer.transform(gold), binarizer.transform(given)
    generator, results = np.random.default_rng(1), []
    for _ in range(resamples):
        drawn = generator.integers(len(gold), size=len(gold))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            micro = precision_recall_fscore_support(wanted[drawn], predicted[drawn], average="micro")
            each = precision_recall_fscore_support(wanted[drawn], predicted[drawn], average=None, zero_division=0)
        results.append({"micro_f1": float(micro[2]), "macro_f1": float(each[2][each[3] > 0].mean())})
    return results


def by_loop(gold: Sequence[set[str]], given: Sequence[set[str]], resamples: int) -> list[Mapping[str, float]]:
    """The same with sets and dictionaries."""
    rng, results = random.Random(1), []
    for _ in range(resamples):
        counts: dict[str, list[int]] = {}
        for chart in rng.choices(range(len(gold)), k=len(gold)):
            for code in gold[chart] | given[chart]:
                count = counts.setdefault(code, [0, 0, 0])
                count[0 if code in gold[chart] and code in given[chart] else 1 if code in given[chart] else 2] += 1
        hits, false, missed = (sum(column) for column in zip(*counts.values(), strict=True))
        scores = [2 * hit / (2 * hit + wrong + lost) for hit, wrong, lost in counts.values() if hit + lost]
        results.append({"micro_f1": 2 * hits / (2 * hits + false + missed), "macro_f1": sum(scores) / len(scores)})
    return results


if __name__ == "__main__":
    main()
