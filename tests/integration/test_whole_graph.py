"""The whole graph, from a release to the report, by the command that ``make run`` calls.

Everything is real but three things, made small: the release (the packaged Tabular List cut down to the categories that the
sample corpus names), the base model (a random Llama of 0.4 M parameters), and the miner, a local OpenAI-compatible server that
answers by rule.
"""

import http.server
import json
import os
import re
import subprocess
import sys
import threading

import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.io_managers.delta_tables import DeltaTables

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# These need parts that the packaged release does not have.
EMPTY_WITH_A_TABULAR_LIST_ONLY = {
    "icd/index_terms", "icd/chapter_index_terms", "icd/guidelines", "icd/release_diff", "icd/crosswalk",
}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A random Llama whose tokenizer knows the sample notes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document in load("sample", CorpusPaths()).documents), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    directory = tmp_path_factory.mktemp("model")
    fast.save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id, bos_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


def rule_based_answer(prompt: str) -> str:
    """Quotes the note's first words for every code, keeps the first candidate, writes the title as evidence."""
    if "CANDIDATES" in prompt:
        return "- " + re.search(r"CANDIDATES \(notes\): (.*?) \(\d+\)", prompt)[1]
    if prompt.startswith("TITLE"):
        return "- " + re.search(r"TITLE: (.*)", prompt)[1]
    if prompt.startswith("Note:"):
        note, codes = prompt.rsplit("\n\nCodes:\n", 1)
        words = " ".join(note.split()[-12:-9])
        return json.dumps({line.split()[1]: words for line in codes.strip().splitlines()})
    return "It is hypertension.\n### Evidence\n- HTN\n### ICD-10-CM Codes\n- I10 – Essential (primary) hypertension"


@pytest.fixture(scope="module")
def endpoint(small_model):
    """A local OpenAI-compatible server; yields its URL and the list of prompts it was sent."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prompt = payload["messages"][-1]["content"]
            asked.append(prompt)
            message = {"role": "assistant", "content": rule_based_answer(prompt)}
            body = json.dumps(
                {
                    "id": "1", "object": "chat.completion", "created": 0, "model": payload["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
        server.shutdown()


def refresh(home, release, model, url, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
    environment |= {
        "CCL_HOME": str(home), "CCL_ICD_RELEASE": str(release), "CCL_MODEL": str(model), "CCL_THREADS": "1",
        "CCL_BACKEND": "openai", "CCL_ENDPOINT": url, **more,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "ccl_assets.refresh"], env=environment, capture_output=True, text=True, timeout=1200
    )


@pytest.fixture(scope="module")
def first_run(tmp_path_factory, small_release, small_model, endpoint):
    home = tmp_path_factory.mktemp("home")
    done = refresh(home, small_release, small_model, endpoint[0])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return home, done


def test_every_table_is_written_and_fits_its_contract(first_run):
    tables = DeltaTables(str(first_run[0] / "lakehouse"))
    for name, contract in CONTRACTS.items():
        table = tables.read(contract)
        contract.check(table)
        assert table.num_rows or name in EMPTY_WITH_A_TABULAR_LIST_ONLY, f"{name} is empty"


def test_the_knowledge_base_has_all_tiers_and_chapters(first_run):
    pairs = DeltaTables(str(first_run[0] / "lakehouse")).read(CONTRACTS["knowledge_base/pairs"])
    assert set(pairs["tier"].to_pylist()) == {"gold", "silver", "synthetic"}
    assert set(pairs["chapter"].to_pylist()) == set(CHAPTER_KEYS)


def test_the_report_shows_every_system_and_what_was_left_out(first_run):
    html = (first_run[0] / "artifacts" / "eval" / "report" / "index.html").read_text(encoding="utf-8")
    predictions = DeltaTables(str(first_run[0] / "lakehouse")).read(CONTRACTS["eval/predictions"])
    systems = set(predictions["system"].to_pylist())
    assert {"index_lookup", "base_cot", "sft_code_only", "scl"} <= systems
    assert all(system in html for system in systems)
    assert "Synthesis:" in html
    sample = load("sample", CorpusPaths()).documents
    assert set(predictions["split"].to_pylist()) == {"test"}
    assert set(predictions["document_id"].to_pylist()) == {row.document_id for row in sample if row.split == "test"}


def test_test_notes_are_never_sent_to_the_miner(first_run, endpoint):
    test_texts = [document.text for document in load("sample", CorpusPaths()).documents if document.split == "test"]
    mined = [prompt for prompt in endpoint[1] if prompt.startswith("Note:")]
    assert mined
    assert not any(text.strip() in prompt for text in test_texts for prompt in mined)


def test_a_second_run_derives_nothing_and_asks_nothing(first_run, small_release, small_model, endpoint):
    asked = len(endpoint[1])
    done = refresh(first_run[0], small_release, small_model, endpoint[0])
    assert done.returncode == 0, done.stderr[-3000:]
    assert "0 partitions materialized" in done.stdout
    assert len(endpoint[1]) == asked
