"""Requests in one line, a random GQA Llama with its own tokenizer, and a server that misbehaves on demand."""

import http.server
import json
import os
import threading
import time

import pytest

from ccl_assets.resources.text_generation.requests import GenerationParameters, GenerationRequest, Message

os.environ["HF_HUB_OFFLINE"] = "1"  # the tests' own switch: nothing here may reach for the hub

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session")
def ask():
    """Makes a request of one user turn."""

    def make(request_id, content=None, *, max_tokens=32, temperature=0.0, stop=(), is_restricted=False, schema=None):
        return GenerationRequest(
            request_id,
            (Message("user", request_id if content is None else content),),
            GenerationParameters(max_tokens, temperature, tuple(stop)),
            is_restricted,
            schema,
        )

    return make


@pytest.fixture(scope="session")
def random_llama(tmp_path_factory):
    """Directory of a random Llama (four query heads on two key heads, window of 256) that never ends by itself."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    directory = tmp_path_factory.mktemp("random-llama")
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    vocabulary = {token: index for index, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.5,
        eos_token_id=1,
        pad_token_id=0,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


class MisbehavingServer:
    """A local HTTP server; the first line of a prompt names the behaviours of its attempts, e.g. ``429,ok``."""

    model = "served"

    def __init__(self):
        self.attempts = {}
        self.bodies = []
        self.headers = []
        self.times = {}
        self.retry_after = None
        self.models = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, content="fine", **changes):
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": self.model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        } | changes

    def _handler(server):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                self.send(200, json.dumps({"object": "list", "data": server.models}).encode())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                prompt = body["messages"][-1]["content"]
                with server._lock:
                    server.bodies.append(body)
                    server.headers.append(dict(self.headers))
                    attempt = server.attempts[prompt] = server.attempts.get(prompt, 0) + 1
                    server.times.setdefault(prompt, []).append(time.monotonic())
                    server.in_flight += 1
                    server.most_in_flight = max(server.most_in_flight, server.in_flight)
                behaviours = prompt.split("\n")[0].split(",")
                try:
                    self.behave(behaviours[min(attempt, len(behaviours)) - 1])
                finally:
                    with server._lock:
                        server.in_flight -= 1

            def behave(self, behaviour):
                kind, _, value = behaviour.partition(":")
                if kind == "hang":
                    server._stopped.wait(30)
                elif kind == "drop":
                    self.close_connection = True
                elif kind == "prose":
                    self.send(200, b"I am but a teapot", "text/plain")
                elif kind == "half":
                    self.send(200, json.dumps(server.answer()).encode()[:60])
                elif kind == "raw":
                    self.send(200, value.encode())
                elif kind == "trickle":
                    self.trickle()
                elif kind.isdigit():
                    error = {"error": {"message": "you sent: SECRET NOTE", "code": value or None, "type": "x"}}
                    self.send(int(kind), json.dumps(error).encode())
                else:
                    if kind == "slow":
                        time.sleep(float(value))
                    changes = json.loads(value.replace(";", ",")) if kind == "with" else {}
                    self.send(200, json.dumps(server.answer() | changes).encode())

            def send(self, status, body, content_type="application/json"):
                self.send_response(status)
                if status == 429 and server.retry_after:
                    self.send_header("Retry-After", server.retry_after)
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.2:9/v1/chat/completions")
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def trickle(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "1000")
                self.end_headers()
                while not server._stopped.wait(0.05):
                    try:
                        self.wfile.write(b" ")
                    except OSError:
                        return

        return Handler


@pytest.fixture
def server():
    """A fresh misbehaving server."""
    running = MisbehavingServer()
    yield running
    running.close()
