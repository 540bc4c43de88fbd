"""Index paths as a clinician would write them: "Fracture, ankle, bimalleolar" becomes "bimalleolar ankle fracture".

The Index inverts its headings so that they sort by their noun; here they are turned round again, by these rules:

* Subterms go before their noun, the last one first. A subterm that begins with a preposition ("with", "due to") follows
  instead, and what stands below it belongs to the noun it brings.
* Inflections of a heading ("Ulcer, ulcerated, ulcerating") count once. "NEC" and "NOS" are the Index's own and left out;
  "specified" and "unspecified" stay, since without them the phrase would claim the default code.
* A lead term that is an adjective stays in front ("patent cervix"). Nouns that take an object keep it behind ("family
  history of breast cancer"). Headings that read forward, as those of external causes, keep their order; so does one with
  more than three subterms before its noun.
* A cell of the Neoplasm or Drug table puts its column into words ("secondary malignant neoplasm of bone").

Nonessential modifiers are left out, or one is put in: it never changes the code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_PREPOSITIONS = (
    "accompanying", "affected by", "affecting", "after", "as", "associated with", "at", "because of", "between", "by",
    "causing", "caused by", "complicated by", "complicating", "due to", "due to or associated with",
    "due to or resulting from", "during", "except", "following", "for", "from", "in", "in association with", "in conjunction with",
    "in the course of", "induced by", "interfering with", "involving", "leading to", "of", "on", "or", "resulting from",
    "resulting in", "secondary to", "superimposed on", "to", "under", "when", "while", "with", "with or without", "within",
    "without",
)  # fmt: skip
_LINK = re.compile(rf"^({'|'.join(sorted(_PREPOSITIONS, key=len, reverse=True))})\b(?!-)\s*", re.IGNORECASE)
_ENDS_WITH_LINK = re.compile(r"\b(?:by|for|from|in|of|on|to|with|against|into)$", re.IGNORECASE)
_LINK_INSIDE = re.compile(r"\s(?:after|as|by|due to|except|following|for|from|in|of|with|without)\s|\bsites?$")
_CONVENTION = re.compile(r",?\s*\b(?:NEC|NOS)\b")
_LIST = re.compile(r"\b(?:or|and)\b")
_OTHER = re.compile(r"\b(?:un)?specified\b", re.IGNORECASE)
_DESIGNATION = re.compile(r"^(?:[A-Z0-9]{1,3}|[IVX]+|type \w+)$")  # vitamin C, factor VIII
_SPECIES = re.compile(r"^[a-z]{3,}(?:a|ae|i|is|um|us)$")
_DESCRIBES = re.compile(r"(?:al|ar|ary|ic)$")
_HEADS = frozenset(
    {"abuse", "deficiency", "dependence", "disease", "disorder", "infection", "poisoning", "syndrome", "use"}
)
_FALLS_SHORT = 3  # letters that two inflections of a word have in common
_MOST_BEFORE_NOUN = 3
_LONGEST_BEFORE_NOUN = 4  # words
_TAKES_OBJECT = {
    "absence": "of", "admission": "for", "allergy": "to", "allergic": "to", "attention": "to", "checking": "of", "contact": "with",
    "counseling": "for", "encounter": "for", "examination": "of", "exposure": "to", "history": "of", "lack": "of",
    "loss": "of", "presence": "of", "screening": "for", "sequelae": "of", "shortage": "of", "vaccination": "against",
}  # fmt: skip
_OF_THE_NOUN = frozenset({
    "abnormal", "accidental", "acquired", "acute", "bilateral", "chronic", "complete", "congenital", "family", "general",
    "intentional", "left", "maternal", "occupational", "partial", "personal", "prophylactic", "recurrent", "right", "routine",
    "total", "unilateral",
})  # fmt: skip
_ADJECTIVE = re.compile(r"(?=.{6}).*(?:ous|[^l]ic|al|ed|-induced)$", re.IGNORECASE)
_OTHER_ADJECTIVES = frozenset({
    "aberrant", "accessory", "double", "hyperactive", "imperfect", "infantile", "irregular", "irritable", "loose", "low", "open",
    "painful", "patent", "positive", "redundant", "rheumatoid", "rudimentary", "senile", "supernumerary", "unstable", "varicose",
    "white",
})  # fmt: skip
_READS_FORWARD = frozenset(
    {"complication", "complications", "findings", "problem", "resistance", "delivery", "newborn"}
)
_TISSUES = frozenset({
    "artery", "blood vessel", "bone", "cartilage", "connective tissue", "fascia", "joint", "ligament", "lymph gland", "mucosa",
    "muscle", "nerve", "skin", "tendon", "vein",
})  # fmt: skip
_NEOPLASM_CELLS = {
    "malignant primary": "primary malignant neoplasm of {}",
    "malignant secondary": "secondary malignant neoplasm of {}",
    "ca in situ": "carcinoma in situ of {}",
    "benign": "benign neoplasm of {}",
    "uncertain": "neoplasm of uncertain behavior of {}",
    "unspecified": "neoplasm of unspecified behavior of {}",
}
_DRUG_CELLS = {
    "accidental": "accidental poisoning by {}",
    "intentional": "intentional self-poisoning by {}",
    "assault": "poisoning by {}, assault",
    "undetermined": "poisoning by {}, undetermined intent",
    "adverse": "adverse effect of {}",
    "underdosing": "underdosing of {}",
}


@dataclass
class _Group:
    """A noun with what stands before and behind it, and the word that ties it to the group before."""

    link: str = ""
    noun: str = ""
    suffix: str = ""
    heading_words: int = 0  # of those before the noun, how many its own heading brought
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)

    def words(self) -> str:
        """The group as written."""
        noun = self.noun
        if len(self.before) - self.heading_words > _MOST_BEFORE_NOUN:
            noun = " ".join(word for word in (self.link, noun, self.suffix) if word)
            return ", ".join([noun, *reversed(self.before), *self.behind])
        if self.before and not self.link:  # only a lead term is printed with a capital
            noun = _lower_first(noun)
        text = " ".join(word for word in (self.link, *self.before, noun, self.suffix) if word)
        return ", ".join([text, *self.behind])


def index_phrase(path: Sequence[str], source: str, cell: str | None = None, modifier: str | None = None) -> str:
    """Compose the path of an Index term into a phrase.

    Args:
        path: Lead term and subterms, as in ``icd/index_terms``.
        source: ``alphabetic_index``, ``neoplasm_table``, ``drug_table`` or ``external_cause_index``.
        cell: Column of the Neoplasm or Drug table.
        modifier: One of the term's nonessential modifiers, to be put in.

    Returns:
        The phrase; empty where the path has no words.
    """
    names = [name for title in path if (name := _clean(title))]
    if modifier is not None and not is_phrase_modifier(modifier):
        modifier = None
    if source == "neoplasm_table":
        if modifier is not None:
            names = [*names, modifier]
        site = _site(names[1:])
        return _cell_phrase(site or "unspecified site", cell, _NEOPLASM_CELLS, " ".join(names[:1]))
    if source == "drug_table":
        return _cell_phrase(" ".join([*names, *([modifier] if modifier else [])]), cell, _DRUG_CELLS, "")
    if source == "external_cause_index" or (names and _first_part(names[0]).casefold() in _READS_FORWARD):
        return _forward(names, modifier)
    return _turn_round(names, modifier)


def is_phrase_modifier(modifier: str) -> bool:
    """Tell whether a nonessential modifier is a word of its own and not an ending, "(s)", or a remark."""
    return len(modifier) > 2 and modifier[0].isalpha() and not _LINK.match(modifier) and len(modifier.split()) <= 2


def _site(names: Sequence[str]) -> str:
    if len(names) > 1 and _first_part(names[0]) in _TISSUES:
        return f"{_first_part(names[0])} of {_turn_round(names[1:], None)}"
    return _turn_round(names, None)


def _turn_round(names: Sequence[str], modifier: str | None) -> str:
    if not names:
        return ""
    lead = _first_part(names[0])
    if (
        len(names) > 1
        and not _LINK.match(names[1])
        and (_ADJECTIVE.match(lead) or lead.casefold() in _OTHER_ADJECTIVES)
    ):
        return f"{lead} {_turn_round(names[1:], modifier)}"
    groups = [_Group()]
    _set_noun(groups[0], names[0])
    object_link = _TAKES_OBJECT.get(groups[0].noun.casefold())
    for name in names[1:]:
        group = groups[-1]
        link = _LINK.match(name)
        if name == "in situ":
            group.suffix = name
        elif link:
            rest = name[link.end() :]
            groups.append(_Group(link=link[1].lower()))
            if rest:
                _set_noun(groups[-1], rest)
        elif not group.noun:
            _set_noun(group, name)
        elif _ENDS_WITH_LINK.search(group.noun) and not group.before:
            group.noun = f"{group.noun} {name}"
        elif object_link and (name.casefold() in _OF_THE_NOUN or (len(groups) == 1 and _ADJECTIVE.match(name))):
            groups[0].before.insert(0, name)
        elif object_link and len(groups) == 1:
            groups.append(_Group(link=object_link))
            _set_noun(groups[-1], name)
        else:
            _add(group, name)
    if modifier is not None:
        groups[-1].before.insert(0, modifier)
    return _tidy(" ".join(words for group in groups if (words := group.words())))


def _set_noun(group: _Group, name: str) -> None:
    first, *rest = _parts(name)
    group.noun = first
    for part in rest:
        _add(group, part)
    group.heading_words = len(group.before)


def _add(group: _Group, name: str) -> None:
    first, *rest = _parts(name)
    follows = (
        len(first.split()) > _LONGEST_BEFORE_NOUN
        or _LINK.match(first)
        or _LINK_INSIDE.search(name)
        or _LIST.search(first)
        or (_OTHER.search(first) and " " in first)
    )
    if follows:
        group.behind.append(name)
        return
    if group.before and not rest and _belongs_behind(first, group.before[0]):
        group.before[0] = f"{group.before[0]} {first}"
        return
    if group.link and first in _HEADS:
        group.noun = f"{group.noun} {first}"
        return
    group.before.insert(0, first)
    for part in rest:
        _add(group, part)


def _belongs_behind(word: str, before: str) -> bool:
    """Designations, species after their genus, and what an adjective describes ("renal vein")."""
    if _DESIGNATION.match(word):
        return True
    if " " not in before and before[0].isupper():
        return bool(_SPECIES.match(word))
    return word in _TISSUES and bool(_DESCRIBES.search(before))


def _parts(name: str) -> list[str]:
    """A heading cut at its commas, inflections of its first word left out; enumerations stay whole."""
    first, *rest = name.split(", ")
    others = [part for part in rest if " " in part or not _is_inflection(part, first.split()[-1])]
    if others and _LIST.search(name):
        return [name]
    return [first, *others]


def _is_inflection(word: str, of: str) -> bool:
    return word[:_FALLS_SHORT].casefold() == of[:_FALLS_SHORT].casefold()


def _first_part(name: str) -> str:
    return _parts(name)[0]


def _forward(names: Sequence[str], modifier: str | None) -> str:
    text = ""
    for name in [*names, *([modifier] if modifier else [])]:
        if not text:
            text = ", ".join(_parts(name))
        elif _LINK.match(name) or _ENDS_WITH_LINK.search(text):
            text = f"{text} {name}"
        else:
            text = f"{text}, {name}"
    return _tidy(text)


def _cell_phrase(subject: str, cell: str | None, forms: dict[str, str], otherwise: str) -> str:
    named = (cell or "").casefold()
    for column, form in forms.items():
        if column in named:
            return _tidy(form.format(_lower_first(subject) if form.startswith("{}") else subject))
    return _tidy(", ".join(part for part in (otherwise, subject, cell) if part))


def _clean(title: str) -> str:
    return " ".join(_CONVENTION.sub("", title).split()).strip(" ,;-")


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _lower_first(text: str) -> str:
    """Lower-case a single word, unless it is a name or an acronym; longer lead terms often begin with a name."""
    word, _, rest = text.partition(" ")
    if rest or word.endswith(("'s", "’s")) or any(letter.isupper() or letter.isdigit() for letter in word[1:]):
        return text
    return text[:1].lower() + text[1:]
