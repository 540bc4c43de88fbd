"""How much of a server mining keeps busy, what the completion store costs, and what a kill repeats.

Against a local server of fixed latency, in a process of its own:

1. the endpoint, with and without completion store, beside a bare ``openai.AsyncOpenAI`` loop with as many requests in flight, in
   alternating rounds of which the median counts;
2. the store by itself, in time per completion;
3. a mining process that is killed (SIGKILL) at random moments and started again, until all is mined.

Exit status 1 if a measure is missed. ``python benchmarks/mining.py --help`` lists the parameters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, LazyRequests, Message
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.stored import StoredTextGenerator

MODEL = "fixed"
NOTE = "The patient was admitted with decompensated heart failure and type 2 diabetes. " * 45  # 3,600 characters
_LEAST_SHARE = 0.95
_MOST_STORE_MS = 2.0


def request(number: int) -> GenerationRequest:
    """One note's request."""
    return GenerationRequest(
        f"note {number}",
        (Message("system", "Quote the evidence of each code."), Message("user", f"Note {number}\n{NOTE}")),
        is_restricted=True,
    )


def endpoint(url: str, concurrency: int) -> OpenAIEndpoint:
    """The endpoint as assets use it."""
    return OpenAIEndpoint(url, MODEL, "none", max_concurrency=concurrency)


@contextlib.contextmanager
def server(latency_s: float, slots: int) -> Iterator[str]:
    """The server in a process of its own; gives its address."""
    script = Path(__file__).with_name("fixed_latency_server.py")
    process = subprocess.Popen(
        [sys.executable, script, str(latency_s), str(slots)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def ask_server(url: str, what: str) -> Any:
    """``log`` or ``load`` of the server."""
    with urllib.request.urlopen(f"{url}/{what}") as response:
        return json.load(response)


# --- throughput


def bare(url: str, count: int, concurrency: int, *, is_typed: bool) -> None:
    """What one would write without this project: workers around an AsyncOpenAI.

    Args:
        url: Of the server.
        count: Requests.
        concurrency: Workers.
        is_typed: Have the client parse answers into its types, as it does by default.
    """
    import openai

    async def run() -> None:
        numbers = iter(range(count))
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

            async def work() -> None:
                for number in numbers:
                    messages: list[Any] = [{"role": m.role, "content": m.content} for m in request(number).messages]
                    if is_typed:
                        await client.chat.completions.create(
                            model=MODEL, messages=messages, max_tokens=256, temperature=0.0
                        )
                    else:
                        body = {"model": MODEL, "messages": messages, "max_tokens": 256, "temperature": 0.0}
                        await client.post("/chat/completions", cast_to=object, body=body)

            await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(run())


def ours(url: str, count: int, concurrency: int, *, is_stored: bool) -> None:
    """The endpoint, with a fresh completion store or without."""
    requests = LazyRequests(range(count), request)
    with tempfile.TemporaryDirectory() as folder:
        backend = endpoint(url, concurrency)
        stored = StoredTextGenerator(backend, CompletionStore(Path(folder) / "completions.sqlite"))
        done = sum(completion.error is None for completion in (stored if is_stored else backend).generate(requests))
    assert done == count


CLIENTS: dict[str, Callable[[str, int, int], None]] = {
    "bare AsyncOpenAI": lambda *args: bare(*args, is_typed=True),
    "bare AsyncOpenAI, untyped": lambda *args: bare(*args, is_typed=False),
    "endpoint": lambda *args: ours(*args, is_stored=False),
    "endpoint + store": lambda *args: ours(*args, is_stored=True),
}


def measure_throughput(latency_s: float, slots: int, concurrency: int, count: int, rounds: int) -> bool:
    """Print a table; says whether the endpoint with store keeps up with the bare client."""
    in_flight: dict[str, list[float]] = {name: [] for name in CLIENTS}
    rate: dict[str, list[float]] = {name: [] for name in CLIENTS}
    with server(latency_s, slots) as url:
        for client in CLIENTS.values():  # imports, first connections
            client(url, 2 * concurrency, concurrency)
        for number in range(rounds):
            names = list(CLIENTS)
            for name in names[number % 4 :] + names[: number % 4]:
                ask_server(url, "load")
                CLIENTS[name](url, count, concurrency)
                load = ask_server(url, "load")
                in_flight[name].append(load["mean_in_flight"])
                rate[name].append(load["requests"] / load["seconds"])
    print(f"\nlatency {1000 * latency_s:.0f} ms, {concurrency} in flight, {count} requests, {rounds} rounds (medians)")
    print(f"{'client':28}{'requests/s':>12}{'of bare':>9}{'in flight':>11}{'of bare':>9}")
    reference = "bare AsyncOpenAI"
    shares = {}
    for name in CLIENTS:
        speed, busy = statistics.median(rate[name]), statistics.median(in_flight[name])
        shares[name] = speed / statistics.median(rate[reference]), busy / statistics.median(in_flight[reference])
        print(f"{name:28}{speed:12.1f}{shares[name][0]:9.1%}{busy:11.1f}{shares[name][1]:9.1%}")
    return min(shares["endpoint + store"]) >= _LEAST_SHARE


# --- store


def measure_store(count: int) -> bool:
    """Time per completion of looking up and putting, one file, growing."""
    put, look_up = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = CompletionStore(Path(folder) / "completions.sqlite")
        text = "I50.9 Heart failure, unspecified: decompensated heart failure\n" * 12
        for start in range(0, count, 32):
            keys = [request(number).cache_key(MODEL) for number in range(start, start + 32)]
            began = time.perf_counter()
            store.get_many(keys)
            look_up.append((time.perf_counter() - began) / len(keys))
            for key in keys:
                began = time.perf_counter()
                store.put(key, Completion(key, text, "stop", 900, 200, 1.0), MODEL)
                put.append(time.perf_counter() - began)
        log = Path(f"{store.path}-wal").stat().st_size
        size = store.path.stat().st_size
    mean_ms = 1000 * (statistics.mean(put) + statistics.mean(look_up))
    slowest = 1000 * sorted(put)[int(0.999 * len(put))]
    print(
        f"\nstore, {len(put)} completions of {len(text)} characters: {mean_ms:.3f} ms each (look-up and put), 99.9 % of "
        f"puts within {slowest:.2f} ms; file {size / 1e6:.1f} MB, write-ahead log {log / 1e6:.1f} MB"
    )
    return mean_ms < _MOST_STORE_MS


# --- kills


def mine(url: str, store: str, count: int, concurrency: int) -> None:
    """What is killed: mines all requests with the store in front."""
    stored = StoredTextGenerator(endpoint(url, concurrency), CompletionStore(Path(store)))
    is_mining = False
    for completion in stored.generate(LazyRequests(range(count), request)):
        assert completion.error is None
        if not completion.is_cached and not is_mining:
            is_mining = True
            print("mining", flush=True)


def measure_kills(latency_s: float, concurrency: int, count: int, kills: int, seed: int) -> bool:
    """Kill and start again; says whether no stored request was ever sent again.

    The server answers with the hash of the body it was sent, so that what is stored tells which bodies are finished.
    """
    chance = random.Random(seed)
    with server(latency_s, 4096) as url, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "completions.sqlite"
        command = [sys.executable, __file__, "--mine", url, str(store), str(count), str(concurrency)]
        repeated_finished = survived = 0
        finished: set[str] = set()
        stored_at_kill = []
        seen = 0
        for number in range(kills + 1):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            if number < kills:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(chance.uniform(0.0, 1.0))
                survived += process.poll() is None
                process.kill()
            status = process.wait()
            time.sleep(2 * latency_s)  # bodies that were on their way
            log = ask_server(url, "log")
            repeated_finished += sum(digest in finished for digest in log[seen:])
            seen = len(log)
            with contextlib.closing(sqlite3.connect(store)) as connection:
                exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'completions'").fetchone()
                rows = connection.execute("SELECT text FROM completions WHERE error IS NULL") if exists else ()
                finished = {text for (text,) in rows}
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            stored_at_kill.append(len(finished))
        sent = Counter(log)
    print(
        f"\n{kills} kills ({survived} while mining) over {count} requests, {concurrency} in flight, seed {seed}: "
        f"{repeated_finished} finished requests sent again; {sent.total() - len(sent)} in flight at a kill sent again "
        f"(at most {kills * concurrency} could be)"
    )
    print(
        f"stored at each kill: {stored_at_kill[:-1]}; at the end {stored_at_kill[-1]}, last process ended with {status}"
    )
    return repeated_finished == 0 and status == 0 and stored_at_kill[-1] == count == len(sent)


def main() -> int:
    """Run all three and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--latency", type=float, nargs="*", default=[0.05, 0.25], help="seconds per request; none: kills only"
    )
    parser.add_argument("--slots", type=int, default=64, help="requests the server works on at a time")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight")
    parser.add_argument("--requests", type=int, default=800, help="requests of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per client")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--mine", nargs=4, metavar=("URL", "STORE", "COUNT", "CONCURRENCY"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.mine:
        url, store, count, concurrency = chosen.mine
        mine(url, store, int(count), int(concurrency))
        return 0
    outcomes = {
        f"throughput and requests in flight within 5 % of a bare client at {1000 * latency:.0f} ms": measure_throughput(
            latency, chosen.slots, chosen.concurrency, chosen.requests, chosen.rounds
        )
        for latency in chosen.latency
    }
    outcomes[f"the store adds less than {_MOST_STORE_MS:g} ms per request"] = measure_store(4096)
    outcomes["no finished request is repeated after a kill"] = measure_kills(
        0.05, chosen.concurrency, 5 * chosen.requests, chosen.kills, chosen.seed
    )
    print()
    for measure, is_met in outcomes.items():
        print(f"{'met   ' if is_met else 'MISSED'}  {measure}")
    return 0 if all(outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
