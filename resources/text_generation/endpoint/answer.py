"""Reading what an OpenAI-compatible endpoint sent back: an answer, or a reason why it is none. Servers send anything."""

from __future__ import annotations

import re
from typing import Any

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest
from ccl_assets.resources.text_generation.token_bytes import token_ends

_UNKNOWN = -9999.0  # what vLLM sends for a token it has no number of
_ROUNDING = 1e-3  # a server's float may lie a little above the logarithm of 1
_HARMLESS_NAME = re.compile(r"[\w./:@+-]{1,120}")  # what a server says is quoted only if it can be no note
_SNAPSHOT = re.compile(r"-\d[\d-]*")


class GarbledAnswerError(ValueError):
    """The body is no chat completion; a proxy's page or half a body may be whole the next time."""


def read_answer(request: GenerationRequest, body: Any, seconds: float) -> Completion:
    """Turn a decoded body into a completion; an answer that cannot be used becomes an error completion that quotes nothing.

    Whether an answer keeps to the schema it was asked for is the caller's business: there are servers that ignore schemas and yet
    answer well.

    Args:
        request: What was asked.
        body: A chat completion, or nearly anything else.
        seconds: Time from sending to answer.

    Raises:
        GarbledAnswerError: The body is no chat completion.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise GarbledAnswerError("the endpoint's answer is not a chat completion")
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    finish_reason = choice.get("finish_reason")
    if finish_reason == "content_filter":
        return failure(request, "the endpoint's content filter refused the request", seconds)
    if not isinstance(text, str) or not text.strip():
        return failure(request, "the endpoint's answer is empty", seconds)
    text = text.encode("utf-8", "replace").decode("utf-8")  # an unpaired surrogate can be written to no table
    usage = body.get("usage")
    ends, log_probabilities = (
        _read_probabilities(choice.get("logprobs"), text) if request.wants_probabilities else ((), ())
    )
    return Completion(
        request.request_id,
        text,
        finish_reason="length" if finish_reason == "length" else "stop",
        prompt_token_count=_count(usage, "prompt_tokens"),
        completion_token_count=_count(usage, "completion_tokens"),
        seconds=seconds,
        token_ends=ends,
        log_probabilities=log_probabilities,
    )


def _read_probabilities(sent: Any, text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Token ends and log probabilities; none unless the tokens say the text and every number can be a log probability."""
    tokens = sent.get("content") if isinstance(sent, dict) else None
    pieces, numbers = [], []
    for token in tokens if isinstance(tokens, list) else ():
        said = _bytes_of(token)
        number = token.get("logprob") if isinstance(token, dict) else None
        if said is None or not isinstance(number, int | float) or not _UNKNOWN < number <= _ROUNDING:
            return (), ()
        pieces.append(said)
        numbers.append(min(float(number), 0.0))
    ends = token_ends(pieces, text)
    return ends, tuple(numbers[: len(ends)])


def _bytes_of(token: Any) -> bytes | None:
    """What a token says; servers give bytes where a token is a part of a character, and some leave them out."""
    if not isinstance(token, dict):
        return None
    said = token.get("bytes")
    if isinstance(said, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in said):
        return bytes(said)
    said = token.get("token")
    return said.encode("utf-8", "replace") if isinstance(said, str) else None


def failure(request: GenerationRequest, reason: str, seconds: float) -> Completion:
    """An error completion."""
    return Completion(request.request_id, "", finish_reason="error", seconds=seconds, error=reason)


def model_of(body: Any) -> str:
    """Name of the model that answered, or nothing if the body holds no name."""
    return harmless(body.get("model")) if isinstance(body, dict) else ""


def is_same_model(answered_by: str, asked: str) -> bool:
    """Tell whether a name is the one asked for, or a dated snapshot of it, as hosted models answer with."""
    return answered_by == asked or (
        answered_by.startswith(asked) and _SNAPSHOT.fullmatch(answered_by[len(asked) :]) is not None
    )


def names_one_model(listing: Any, one: str, other: str) -> bool:
    """Tell whether ``/v1/models`` says that two names are one model's: by aliases (llama.cpp), or by a common root (vLLM)."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    by_root: dict[str, set[str]] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            root, aliases = entry.get("root"), entry.get("aliases")
            names = [entry.get("id"), root, *(aliases if isinstance(aliases, list) else ())]
            key = root if isinstance(root, str) and root else f"entry {number}"
            by_root.setdefault(key, set()).update(name for name in names if isinstance(name, str))
    return any({one, other} <= names for names in by_root.values())


def harmless(name: Any) -> str:
    """A name as the server wrote it, or nothing if it looks like anything but a name."""
    return name if isinstance(name, str) and _HARMLESS_NAME.fullmatch(name) else ""


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0
