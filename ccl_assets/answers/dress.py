"""A model's answer without its thoughts and its HTML, every character left at its place.

What goes is replaced by spaces, so that offsets into the result are offsets into the answer. Tags that end a line
become a line end.
"""

from __future__ import annotations

import html
import re

from ccl_assets.answers.words import answer_words

_THOUGHT = "|".join(sorted(answer_words("thoughts")))
_OPEN = re.compile(rf"<\|?(?:{_THOUGHT})\|?>|◁(?:{_THOUGHT})▷|<\|channel\|>(?:analysis|commentary)\b", re.IGNORECASE)
_CLOSE = re.compile(
    rf"</\|?(?:{_THOUGHT})\|?>|<\|/(?:{_THOUGHT})\|>|◁/(?:{_THOUGHT})▷|<\|end\|>|<\|channel\|>final\b", re.IGNORECASE
)
_CONTROL = re.compile(r"<\|[a-z_]{2,20}\|>(?:final\b|assistant\b)?", re.IGNORECASE)
_LINE_TAG = re.compile(
    r"</?(?:br|p|li|ul|ol|dl|dt|dd|tr|table|tbody|thead|div|section|h[1-6]|html|body|answer|output|codes|evidence|response)"
    r"(?:\s[^<>\n]{0,200})?/?>",
    re.IGNORECASE,
)
_CELL_TAG = re.compile(r"</?t[dh](?:\s[^<>\n]{0,200})?>", re.IGNORECASE)
_INLINE_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|code|span|font|small|sup|sub|mark|a|pre|kbd)(?:\s[^<>\n]{0,200})?>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)


def without_thoughts(text: str) -> tuple[str, bool]:
    """Blank out what a model thought aloud; the second value says whether a thought was never closed.

    Where only the closing tag stands (the opening one was in the prompt), all before it is thought.
    """
    parts: list[str] = []
    position = 0
    first_close = _CLOSE.search(text)
    first_open = _OPEN.search(text)
    if first_close is not None and (first_open is None or first_close.start() < first_open.start()):
        parts.append(_blank(text[: first_close.end()]))
        position = first_close.end()
    while (opened := _OPEN.search(text, position)) is not None:
        parts.append(text[position : opened.start()])
        closed = _CLOSE.search(text, opened.end())
        end = closed.end() if closed else len(text)
        parts.append(_blank(text[opened.start() : end]))
        position = end
        if closed is None:
            return "".join(parts), True
    return _CONTROL.sub(lambda found: _blank(found[0]), "".join(parts) + text[position:]), False


def without_html(text: str) -> str:
    """Replace tags and entities where lines are marked by tags; other answers stay as they are."""
    if not _LINE_TAG.search(text) and not _CELL_TAG.search(text):
        return text
    text = _LINE_TAG.sub(lambda found: "\n" + " " * (len(found[0]) - 1), text)
    text = _CELL_TAG.sub(lambda found: "|" + " " * (len(found[0]) - 1), text)
    text = _INLINE_TAG.sub(lambda found: " " * len(found[0]), text)
    return _ENTITY.sub(_character, text)


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


def _character(entity: re.Match[str]) -> str:
    text = html.unescape(entity[0])
    return text.ljust(len(entity[0])) if len(text) < len(entity[0]) else entity[0]
