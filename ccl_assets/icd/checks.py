"""Gates of the ontology: complete, self-consistent, equal to the official order file where there is one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from ccl_assets.icd.chapters import CHAPTERS
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tabular.tabular_list import order_file_codes
from ccl_assets.tables.gate import Gate, gate

_SHOWN = 5
_CHAPTER_22_SINCE = 2021

_MOST_UNKNOWN = 0.01  # official releases: up to 0.3 %


@gate("has_tabular_list", "The release has exactly one Tabular List.")
def has_tabular_list(roles: Sequence[object]) -> Gate:
    """One Tabular List, no more; ``roles`` of the release's files."""
    count = sum(role == "tabular" for role in roles)
    return Gate("has_tabular_list", count == 1, "give the folder or zip of one release", {"tabular_lists": count})


@gate("every_parent_exists", "Every parent code is itself a code.")
def parents_exist(codes: Sequence[dict[str, Any]]) -> Gate:
    """Every parent exists."""
    known = {row["code"] for row in codes}
    orphans = [row["code"] for row in codes if row["parent_code"] is not None and row["parent_code"] not in known]
    return Gate(
        "every_parent_exists",
        not orphans,
        "the Tabular List is incomplete: get the file again",
        {"orphans": len(orphans), "first": orphans[:_SHOWN]},
    )


@gate("all_chapters_present", "22 chapters (21 before FY2021) hold codes.")
def chapters_present(codes: Sequence[dict[str, Any]], year: int) -> Gate:
    """Every chapter of the edition holds codes."""
    expected = {chapter.key for chapter in CHAPTERS if chapter.number != 22 or year >= _CHAPTER_22_SINCE}
    missing = sorted(expected - {row["chapter"] for row in codes})
    return Gate(
        "all_chapters_present",
        not missing,
        "the Tabular List is incomplete: get the file again",
        {"chapters": len(expected) - len(missing), "missing": missing},
    )


@gate("equals_order_file", "Billable codes and long titles equal the official order file, where the release has one.")
def equals_order_file(codes: Sequence[dict[str, Any]], order_file: ReleaseFile | None) -> Gate:
    """Billable codes and titles equal the order file's, titles up to diacritics and spacing; passes without one."""
    ours = {row["code"]: row["long_title"] for row in codes if row["is_billable"]}
    if order_file is None:
        return Gate(
            "equals_order_file", True, details={"compared": 0, "billable": len(ours), "order_file": "none given"}
        )
    official = {code: title for code, is_billable, title in order_file_codes(order_file) if is_billable}
    missing, extra = sorted(official.keys() - ours.keys()), sorted(ours.keys() - official.keys())
    retitled = sorted(code for code in official.keys() & ours.keys() if _plain(official[code]) != _plain(ours[code]))
    return Gate(
        "equals_order_file",
        not (missing or extra or retitled),
        "Tabular List and order file are of different releases, or one is damaged: take both from the same release",
        {
            "compared": len(official),
            "missing": len(missing),
            "extra": len(extra),
            "other_title": len(retitled),
            "first": [*missing[:_SHOWN], *extra[:_SHOWN], *retitled[:_SHOWN]],
        },
    )


@gate("references_known", "At most 1 % of the codes that notes name are not in the Tabular List (warns).")
def references_known(instructions: Iterable[Mapping[str, Any]], known: Set[str]) -> Gate:
    """Codes that instructional notes name are in the Tabular List, save the few stale ones of official releases."""
    named = {code for row in instructions for end in ("reference_first", "reference_last") for code in row[end]}
    return _known_codes("references_known", named, known, "notes with these references are kept; they exclude nothing")


@gate("codes_known", "At most 1 % of the codes that index terms name are not in the Tabular List (warns).")
def index_codes_known(terms: Iterable[Mapping[str, Any]], known: Set[str]) -> Gate:
    """Codes in the index are in the Tabular List, save the dozens that official releases miss."""
    columns = ("code", "manifestation_code", "see_category")
    named = {row[column].rstrip("-").rstrip(".") for row in terms for column in columns if row[column]}
    return _known_codes("codes_known", named, known, "pairs of these terms are left out")


def _known_codes(name: str, named: Set[str], known: Set[str], consequence: str) -> Gate:
    unknown = sorted(named - known)
    return Gate(
        name,
        len(unknown) <= _MOST_UNKNOWN * len(named),
        f"{consequence}; compare with the release's addenda",
        {"codes": len(named), "unknown": len(unknown), "first": unknown[:_SHOWN]},
        is_blocking=False,
    )


def _plain(title: str) -> str:
    """Order files are ASCII, and some hold double spaces that the Tabular List has not."""
    decomposed = unicodedata.normalize("NFKD", " ".join(title.split()))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
