"""Reading what an OpenAI-compatible endpoint sent back: an answer, or a reason why it is none. Servers send anything."""

from __future__ import annotations

import json
import re
from typing import Any

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest

_HARMLESS_NAME = re.compile(r"[\w./:@+-]{1,120}")  # what a server says is quoted only if it can be no note
_SNAPSHOT = re.compile(r"-\d[\d-]*")


def read_answer(request: GenerationRequest, model: str, response: Any, seconds: float) -> Completion:
    """Turn a response into a completion; whatever is wrong with it becomes an error completion that quotes nothing.

    Args:
        request: What was asked.
        model: The model that was asked.
        response: What the client made of the body: a chat completion, or nearly anything else.
        seconds: Time from sending to answer.
    """
    choices = getattr(response, "choices", None)
    if not isinstance(choices, list) or not choices:
        return failure(request, "the endpoint's answer is not a chat completion", seconds)
    answered_by = getattr(response, "model", None)
    if not _is_same_model(answered_by, model):
        name = harmless(answered_by) or "an unreadable name"
        return failure(
            request, f"asked for model {model}, but {name} answered: set the model to the served name", seconds
        )
    text = getattr(getattr(choices[0], "message", None), "content", None)
    finish_reason = getattr(choices[0], "finish_reason", None)
    if finish_reason == "content_filter":
        return failure(request, "the endpoint's content filter refused the request", seconds)
    if not isinstance(text, str) or not text.strip():
        return failure(request, "the endpoint's answer is empty", seconds)
    # an unpaired surrogate can be written to no table
    text = text.encode("utf-8", "replace").decode("utf-8")
    is_cut = finish_reason == "length"
    if request.json_schema is not None and not is_cut and not _is_json(text):
        return failure(request, "the endpoint's answer is not JSON although a schema was asked for", seconds)
    usage = getattr(response, "usage", None)
    return Completion(
        request.request_id,
        text,
        finish_reason="length" if is_cut else "stop",
        prompt_token_count=_count(usage, "prompt_tokens"),
        completion_token_count=_count(usage, "completion_tokens"),
        seconds=seconds,
    )


def failure(request: GenerationRequest, reason: str, seconds: float) -> Completion:
    """An error completion."""
    return Completion(request.request_id, "", finish_reason="error", seconds=seconds, error=reason)


def harmless(name: Any) -> str:
    """A name as the server wrote it, or nothing if it looks like anything but a name."""
    return name if isinstance(name, str) and _HARMLESS_NAME.fullmatch(name) else ""


def _is_same_model(answered_by: Any, asked: str) -> bool:
    """Hosted models answer with a dated snapshot of the name they were asked by."""
    if not isinstance(answered_by, str) or not answered_by.startswith(asked):
        return False
    return answered_by == asked or _SNAPSHOT.fullmatch(answered_by[len(asked) :]) is not None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _count(usage: Any, name: str) -> int:
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and count > 0 else 0
