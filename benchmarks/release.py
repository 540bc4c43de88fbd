"""What reading a whole ICD-10-CM release costs, beside importing ``simple_icd_10_cm``, which reads the Tabular List only.

``.venv/bin/python benchmarks/release.py [PATH]``; without a path the packaged release is read. Each line is a fresh process on one
core. Resolving cross-references needs all index terms at once and has a line of its own.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

_BATCH_ROWS, _LOOK_UPS = 4_096, 10_000


def read_release(path: str | None, with_targets: bool = False) -> dict[str, int]:
    """Read every part of a release into tables of their contracts; returns the rows of each."""
    import pyarrow as pa

    from ccl_assets.icd.guidelines.sections import parse_guidelines
    from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
    from ccl_assets.icd.index.cross_references import resolve
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES, GUIDELINES, INDEX_TERMS, INSTRUCTIONS
    from ccl_assets.icd.tabular.tabular_list import TabularReader
    from ccl_assets.tables.collector import collector_paused

    def table(contract: Any, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        remaining, parts = iter(rows), [contract.table([])]
        while batch := list(islice(remaining, _BATCH_ROWS)):
            parts.append(contract.table(batch))
        return pa.concat_tables(parts)

    with collector_paused():  # as the assets do
        release = open_release(Path(path) if path else None)
        reader = TabularReader(release.tabular, release.label)
        tables = {"codes": table(CODES, reader.codes()), "instructions": table(INSTRUCTIONS, reader.instructions())}
        del reader
        files = [file for role in SOURCES if (file := release.file(role)) is not None]
        terms = (row for file in files for row in parse_index(file, release.label))
        tables["index terms"] = table(INDEX_TERMS, resolve(list(terms)) if with_targets else terms)
        guidelines = release.file("guidelines")
        tables["guideline sections"] = table(
            GUIDELINES, parse_guidelines(guidelines, release.label) if guidelines else []
        )
    return {name: part.num_rows for name, part in tables.items()}


def import_peer(_: str | None) -> dict[str, int]:
    """Import the package, which reads its data."""
    import simple_icd_10_cm as peer

    return {"codes and blocks": len(peer.get_all_codes())}


def look_up(_: str | None) -> dict[str, float]:
    """Microseconds of a look-up, here and there, over the same random codes of the packaged release."""
    import simple_icd_10_cm as peer

    from ccl_assets.icd.ontology import Ontology
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES
    from ccl_assets.icd.tabular.tabular_list import parse_tabular

    release = open_release()
    ontology = Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))
    known = [code.code for code in ontology if peer.is_valid_item(code.code)]
    codes = random.Random(0).choices(known, k=_LOOK_UPS)
    functions: dict[str, Callable[[str], object]] = {
        "title, ours": lambda code: ontology[code].title,
        "title, theirs": peer.get_description,
        "ancestors, ours": ontology.ancestors,
        "ancestors, theirs": peer.get_ancestors,
        "descendants, ours": ontology.descendants,
        "descendants, theirs": peer.get_descendants,
        "chapter, ours": ontology.chapter,
        "chapter, theirs": lambda code: peer.get_ancestors(code)[-1],
    }
    return {name: min(_microseconds(function, codes) for _ in range(5)) for name, function in functions.items()}


def _microseconds(function: Callable[[str], object], codes: list[str]) -> float:
    begin = time.perf_counter()
    for code in codes:
        function(code)
    return (time.perf_counter() - begin) / len(codes) * 1e6


_TASKS: dict[str, Callable[[str | None], Mapping[str, float]]] = {
    "this project, whole release": read_release,
    "  with cross-references resolved": lambda path: read_release(path, with_targets=True),
    "import simple_icd_10_cm": import_peer,
    "look-ups": look_up,
}


def _run_task(task: str, path: str | None) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {random.choice(sorted(os.sched_getaffinity(0)))})
    begin = time.perf_counter()
    result = dict(_TASKS[task](path))
    wall, usage = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    sys.stdout.write(json.dumps({"result": result, "line": f"{task:34}{wall:7.2f}{cpu:7.2f}{peak:9.0f}"}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        _run_task(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
        sys.exit()
    print(f"{'':34}{'wall s':>7}{'CPU s':>7}{'peak MB':>9}  rows (aim: 5 s, 300 MB)")
    for name in _TASKS:
        found = json.loads(
            subprocess.check_output([sys.executable, __file__, "--task", name, *sys.argv[1:2]], text=True)
        )
        if name == "look-ups":
            print("\nmicroseconds for one look-up", *(f"{k:34}{v:7.2f}" for k, v in found["result"].items()), sep="\n")
        else:
            print(found["line"], "", ", ".join(f"{count:,} {what}" for what, count in found["result"].items() if count))
