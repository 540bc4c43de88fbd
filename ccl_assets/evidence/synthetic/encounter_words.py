"""Words of a note in place of a 7th character: nothing for active care, else how it stands with the injury.

No note writes "initial encounter for closed fracture": the plain phrase is the condition under active care. Later care says healing
or follow-up, a sequela what it is left from; an open fracture says that it is open.
"""

from __future__ import annotations

import re
from functools import lru_cache

OPEN = "unspecified"
_ENCOUNTER = re.compile(r"^(?:initial|subsequent) encounter(?: for)?\s*", re.IGNORECASE)
_FRACTURE = re.compile(
    r"^(?P<kind>closed|open)?\s*fracture(?P<type>(?: type .*?)?)(?: with (?P<course>.*))?$", re.IGNORECASE
)
_COURSES = {"routine healing": "healing"}
_TYPE_THREE = re.compile(r"IIIA, IIIB,? or IIIC")
_SEQUELA = "sequela"
_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")


@lru_cache(maxsize=1024)
def said_of_encounter(phrase: str, seventh: str | None) -> str:
    """Say a phrase of a 7th character, given in the release's words: pairwise different for the characters of a stem.

    ``R tibia shaft fx`` is said plainly of ``initial encounter for closed fracture``; ``R tibia shaft fx, nonunion`` of
    ``subsequent encounter for closed fracture with nonunion``; ``sequela of R tibia shaft fx`` of ``sequela``.
    """
    words = (seventh or "").strip()
    if not words or OPEN in words.split():
        return phrase
    if words.lower().startswith(_SEQUELA):
        return f"sequela of {_lower_first(phrase)}"
    is_later = words.lower().startswith("subsequent")
    is_encounter = _ENCOUNTER.match(words) is not None
    rest = _ENCOUNTER.sub("", words)
    if not rest:
        return f"{phrase}, follow-up" if is_later else phrase
    if not is_encounter:
        return f"{phrase}, {_PARENTHESES.sub('', rest)}"
    fracture = _FRACTURE.match(rest)
    if fracture is None:
        return f"{phrase}, {rest}, follow-up" if is_later else f"{phrase}, {rest}"
    said = [phrase]
    if (fracture["kind"] or "").lower() == "open":
        said.append("open" + _TYPE_THREE.sub("III", fracture["type"]))
    elif fracture["type"]:
        said.append(fracture["type"].strip())
    if course := fracture["course"]:
        said.append(_COURSES.get(course.lower(), course))
    elif is_later:
        said.append("healing")
    return ", ".join(said)


def _lower_first(phrase: str) -> str:
    first = phrase.split(" ")[0]
    return phrase[:1].lower() + phrase[1:] if first[1:].islower() else phrase
