"""How well the static encoder finds codes of terms it was not trained on, what it costs, and what it does for nearest codes.

Trained as the asset ``linking/encoder`` trains it: terms of the release and human spans of the sample's training split (with
``--corpora`` also the Spanish spans of CodiEsp's). Beside it the untrained start and the packaged sentence encoder.

    python benchmarks/encoder.py [--corpora FOLDER] [--release PATH-or-label] [--sentence-encoder] [--nearest]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ccl_assets.coding.active_release import active_release
from ccl_assets.corpora.loaders import load
from ccl_assets.linking.encoder_languages import (
    BUCKETS,
    TITLE,
    WIDTH,
    pair_terms,
    span_terms,
    start_of,
    train_language,
)  # fmt: skip
from ccl_assets.linking.encoder_recall import found_at, recall_by_group, split_terms
from ccl_assets.linking.encoder_training import TermOfCode, packaged_start
from ccl_assets.linking.static_encoder import StaticEncoder
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.term_index import TermIndex
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.settings import Settings

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "nearest_codes.json"


def timed(name: str, work: Callable[[], Any], count: int | None = None) -> Any:
    """Run, and print CPU and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rate = f"{count / max(cpu, 1e-9):12,.0f} a CPU second" if count else ""
    print(f"  {name:44}{wall:8.1f} s wall {cpu:8.1f} s CPU{rate}", flush=True)
    return result


def spans(corpus: str, paths: CorpusPaths) -> list[tuple[str, str]]:
    """Codes and words of the human spans of a corpus's training split."""
    read = load(corpus, paths)
    training = {document.document_id for document in read.documents if document.split == "train"}
    return [(span.code, span.evidence_text) for span in read.evidence if span.document_id in training]


def nearest(encode: Callable[[list[str]], Any]) -> tuple[float, float, float]:
    """Judged families with an acceptable code first and among three, and mean reciprocal rank, by embedding and hierarchy.

    Args:
        encode: Texts to unit vectors.
    """
    from ccl_assets.evidence.synthetic.families import families
    from ccl_assets.evidence.synthetic.nearest import CoveredCodes, covered_texts, family_text
    from ccl_assets.icd.ontology import Ontology
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES
    from ccl_assets.icd.tabular.tabular_list import TabularReader
    from ccl_assets.io_managers.faiss_index import NearestCodeIndex

    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    release = open_release(None)
    ontology = Ontology.from_table(CODES.table(list(TabularReader(release.tabular, release.label).codes())))
    every = families(ontology)
    family_of = {code: family for family in every.values() for code in family.variations}
    covered = " ".join(golden["pool"]).split()
    matrix = encode(covered_texts(covered, ontology, every))
    index = NearestCodeIndex.build(covered, matrix, "static", release.label)
    ranks = []
    for case in golden["families"]:
        family = family_of[case["code"]]
        acceptable = {family_of[code].family_code for code in case["acceptable"]}
        query = encode([family_text(family, ontology)])
        ((_, found),) = CoveredCodes(ontology, every, index).rank({family.family_code: [case["code"]]}, query)
        ranks.append(next((n for n, it in enumerate(found, 1) if family_of[it.code].family_code in acceptable), 0))
    count = len(ranks)
    return (
        sum(r == 1 for r in ranks) / count,
        sum(r > 0 for r in ranks) / count,
        sum(1 / r for r in ranks if r) / count,
    )


def compare_index(encoder: StaticEncoder, texts: list[str]) -> None:
    """Print what FAISS and numpy take for a thousand queries among all texts."""
    vectors = encoder.encode(texts)
    queries = vectors[:1000]
    exact = TermIndex(vectors, [[text] for text in texts])
    lists = TermIndex(vectors, [[text] for text in texts], is_exact=False)
    timed("FAISS flat, built", lambda: exact.search(queries[:1], 10))
    _, right = timed("FAISS flat, a thousand queries", lambda: exact.search(queries, 10), 1000)
    timed("FAISS lists, built", lambda: lists.search(queries[:1], 10))
    _, near = timed("FAISS lists, a thousand queries", lambda: lists.search(queries, 10), 1000)
    timed("numpy, a thousand queries", lambda: np.argpartition(-(queries @ vectors.T), 10, axis=1)[:, :10], 1000)
    shared = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(right, near, strict=True)])
    print(f"  of the ten nearest, lists find {shared:.1%}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--release")
    parser.add_argument(
        "--sentence-encoder", action="store_true", help="recall of the packaged sentence encoder (minutes)"
    )
    parser.add_argument(
        "--nearest", action="store_true", help="judged nearest codes, by the static and the sentence encoder"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        release = active_release(
            Settings(home=Path(home), icd_release=chosen.release), needs_gold_pairs=True, say=print
        )
    direct = ("direct", "see", "default")
    pairs = [dict(row, tier="gold", is_trainable=row["expansion"] in direct) for row in release.gold_pairs or ()]
    titles = {code: title for code, title in release.titles.items() if code in release.billable}
    terms = {"en": [*pair_terms(pairs), *span_terms(spans("sample", CorpusPaths()))]}
    if chosen.corpora:
        paths = CorpusPaths(codiesp=chosen.corpora / "codiesp_v4", codiesp_language="es")
        terms["es"] = span_terms(spans("codiesp", paths))
    pieces, table = packaged_start()
    trained = {}
    for language, known in terms.items():
        print(f"{language}: {len(known):,} terms, {len(titles):,} titles")
        start = start_of(pieces, table, WIDTH, BUCKETS[language])
        trained[language] = timed(
            "training and recall",
            lambda language=language, start=start, known=known: train_language(
                language, start, known, titles, say=print
            ),
        )
        one = trained[language]
        texts = [*titles.values()]
        timed("encode all titles", lambda one=one, texts=texts: one.encoder.encode(texts), len(texts))
        print(f"  {'held out':28}{'terms':>7}{'R@1 start':>11}{'R@1':>7}{'R@10 start':>12}{'R@10':>7}")
        for group, after in one.after.items():
            before = one.before[group]
            print(
                f"  {group:28}{after.terms:7}{100 * before.first:11.1f}{100 * after.first:7.1f}"
                f"{100 * before.ten:12.1f}{100 * after.ten:7.1f}"
            )
        if chosen.sentence_encoder:
            sentence_recall(language, known, titles)
    english = trained["en"].encoder
    compare_index(english, [*titles.values(), *(term.text for term in terms["en"])])
    if chosen.nearest:
        from ccl_assets.resources.embedding.embedder import Embedder

        start = start_of(pieces, table, WIDTH, 0)
        for name, encode in (
            ("sentence encoder", Embedder("packaged", 1).encode), ("static encoder", english.encode), ("its start", start.encode),
        ):  # fmt: skip
            first, three, mean = nearest(encode)
            print(
                f"  nearest codes with the hierarchy, {name:20} first {first:.2f}, of three {three:.2f}, MRR {mean:.2f}"
            )
    return 0


def sentence_recall(language: str, terms: list[TermOfCode], titles: dict[str, str]) -> None:
    """Print the recall of the packaged sentence encoder on the same terms."""
    from ccl_assets.resources.embedding.embedder import Embedder

    distinct = list({(term.text, term.code): term for term in terms if term.code in titles}.values())
    kept, held = split_terms(distinct, titles, Stems(language))
    known = [*(TermOfCode(title, code, TITLE) for code, title in titles.items()), *kept]
    encoder = Embedder("packaged", 1)
    places = timed("sentence encoder", lambda: found_at(encoder, known, held))  # type: ignore[arg-type]
    for group, recall in recall_by_group(held, places).items():
        print(f"  {group:28}{recall.terms:7}{'':11}{100 * recall.first:7.1f}{'':12}{100 * recall.ten:7.1f}")


if __name__ == "__main__":
    sys.exit(main())
