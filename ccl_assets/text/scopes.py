"""Reach of a trigger: within its statement, through lists of any length, up to where another thing is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ccl_assets.text.triggers import Direction, Rules

MOST_WORDS = 12  # that a reach goes on without a comma or a conjunction
_NEAR_WORDS = 4
_AND = frozenset({"and", "y", "e"})
_OR = frozenset({"or", "nor", "o", "u", "ni", "and/or"})
_FUNCTION_WORDS = frozenset(
    {
        "that",
        "he",
        "she",
        "they",
        "it",
        "the",
        "patient",
        "pt",
        "a",
        "an",
        "any",
        "known",
        "ever",
        "currently",
        "of",
        "to",
        "s",
    }
    | {
        "his",
        "her",
        "there",
        "this",
        "being",
        "be",
        "having",
        "been",
        "recent",
        "has",
        "had",
        "have",
        "positive",
        "diagnosed",
        "treated",
        "tested",
        "el",
        "la",
        "que",
        "se",
    }
)
_BE = frozenset({"is", "was", "are", "were", "be", "been", "es", "fue", "son", "fueron"})
_CONDITIONS = frozenset({"if", "unless", "should", "si"})
_WITH = frozenset({"with", "con"})
_FOR = frozenset({"for", "para"})


@dataclass
class Statement:
    """The words of a statement and what stands between them.

    Attributes:
        words: All words of the note.
        gaps: What stands before each word of the note.
        begin: First word of the statement.
        end: One past the last.
        rules: The rules of the language.
        terms: Number of the term a word is part of, 0 for none; no verb or conjunction within one ends a scope.
    """

    words: Sequence[str]
    gaps: Sequence[str]
    begin: int
    end: int
    rules: Rules
    terms: Sequence[int]
    _depths: list[int] = field(default_factory=list)

    def depth(self, position: int) -> int:
        """Number of brackets open at a word."""
        if not self._depths:
            depth = 0
            for place in range(self.begin, self.end):
                gap = self.gaps[place] if place > self.begin else self.gaps[place].rpartition("\n")[2]
                for character in gap:
                    if character in "([{":
                        depth += 1
                    elif character in ")]}" and depth:
                        depth -= 1
                self._depths.append(depth)
        return self._depths[position - self.begin]

    def reach(self, begin: int, end: int, direction: Direction) -> list[int]:
        """The words a trigger speaks of that stands at ``begin`` to ``end``."""
        if direction is Direction.FORWARD:
            return self._forward(end, is_condition=not _CONDITIONS.isdisjoint(self.words[begin:end]))
        if direction is Direction.NEAR:
            return self._near(end)
        if direction is Direction.BOTH:
            return self._backward(begin, end) + self._forward(end)
        if direction is Direction.NEAR_BACK:
            return self._near_back(begin)
        if direction is Direction.TAIL and not self._ends_part(end):
            return []
        return self._backward(begin, end)

    def _ends_part(self, end: int) -> bool:
        if end >= self.end:
            return True
        gap = self.gaps[end]
        return (
            any(mark in gap for mark in ",:)]|\t–—.")
            or " - " in gap
            or self.words[end] in _TAIL_FOLLOWERS
            or self.words[end] in self.rules.scope_ends
        )

    def _forward(self, begin: int, is_condition: bool = False) -> list[int]:
        """Up to the end of the statement, a verb of another part, a bracket that closes, or a word that ends the scope."""
        if begin >= self.end:
            return []
        depth = self.depth(begin - 1) if begin > self.begin else 0
        found: list[int] = []
        separator: int | None = None  # where the last part of a list began, in `found`
        since = 0
        has_content = hole = False
        for position in range(begin, self.end):
            word, gap = self.words[position], self.gaps[position]
            in_term = self.terms[position]
            if position > begin and self.depth(position) < depth:
                break
            if position > begin and depth == 0 and ")" in gap:
                since = 0
            if has_content and (":" in gap or "=" in gap) and position > begin:
                if separator is not None:
                    del found[separator:]
                break
            if (("|" in gap or "\t" in gap) and has_content) or ("   " in gap and position > self.begin):
                break
            if not (in_term and position and self.terms[position - 1] == in_term):
                if has_content and word in self.rules.scope_ends and not in_term:
                    break
                if has_content and word in _WITH and "," in gap:
                    break
                is_verb = word in self.rules.verbs and not in_term
                if is_verb and has_content and not is_condition and not self._reports(position):
                    if separator is not None:
                        del found[separator:]
                    break
                if word in self.rules.predicates and not in_term and has_content and separator is not None:
                    ends = position + 1 >= self.end or self._ends_part(position + 1) or word != "stable"
                    if found[separator:] and ends:
                        del found[separator:]
                        break
                if "," in gap or word in _AND or word in _OR or "/" in gap or " - " in gap:
                    if "," in gap or word in _AND:
                        separator = len(found)
                    elif word in _OR and separator is None:
                        pass
                    since, hole = 0, False
                elif word in _FOR and has_content and position > begin:
                    hole = True
            since += 1
            if since > MOST_WORDS:
                break
            if not hole:
                found.append(position)
            if word not in _FUNCTION_WORDS and word not in _AND and word not in _OR:
                has_content = True
        return found

    def _reports(self, verb: int) -> bool:
        """Whether a verb only reports a finding: "no rash was noted", "no fever has been reported"."""
        for position in range(verb + 1, min(verb + 3, self.end)):
            if self.words[position] in self.rules.passives:
                return True
            if self.words[position] not in _BE:
                return False
        return False

    def _near(self, begin: int) -> list[int]:
        found = []
        for position in range(begin, min(self.end, begin + _NEAR_WORDS)):
            gap = self.gaps[position]
            if (
                any(mark in gap for mark in ",;:()|\t")
                or "  " in gap
                or self.words[position] in self.rules.verbs | _AND | self.rules.scope_ends
            ) and (not self.terms[position] or self.terms[position - 1] != self.terms[position]):
                break
            found.append(position)
        while (
            found
            and found[-1] + 1 < self.end
            and self.terms[found[-1]]
            and self.terms[found[-1] + 1] == self.terms[found[-1]]
        ):
            found.append(found[-1] + 1)
        return found

    def _near_back(self, end: int) -> list[int]:
        found: list[int] = []
        for position in range(end - 1, max(self.begin, end - 1 - 3 * _NEAR_WORDS) - 1, -1):
            following = self.gaps[position + 1]
            if any(mark in following for mark in ";:()|\t") or " - " in following:
                break
            word = self.words[position]
            if "," in following and not self._is_list(position + 1, end):
                break
            if not self.terms[position] and (
                word in self.rules.verbs or word in self.rules.scope_ends or word in _PREPOSITIONS
            ):
                break
            found.append(position)
        return found

    def _is_list(self, position: int, end: int) -> bool:
        """Whether a list with a conjunction stands between a comma and a trigger: "influenza, tetanus and measles shots"."""
        return any(word in _AND or word in _OR for word in self.words[position:end])

    def _backward(self, begin: int, end: int) -> list[int]:
        """Back to the beginning of the part of the sentence; over a list where a plural verb or "or" says that all is meant."""
        if begin <= self.begin:
            return []
        depth = self.depth(begin)
        opens = self.gaps[begin].rstrip().endswith(("(", "[", "{", "("))
        alone = opens or (
            self.gaps[begin].strip() in {",", "-", "--", "–", "—", ":", "=", "|", "..", "...", ""}
            and self._stands_alone(begin, end)
        )
        plural = any(word in _PLURAL for word in self.words[begin:end])
        found: list[int] = []
        since = 0
        for position in range(begin - 1, self.begin - 1, -1):
            following = self.gaps[position + 1]
            word = self.words[position]
            crosses = position == begin - 1 and alone
            if (not crosses and any(mark in following for mark in "|\t:=")) or (":" in following and not crosses):
                break
            if not crosses and depth and self.depth(position) < depth:
                break
            if not crosses and "," in following and not (plural or self._is_list(position + 1, begin)):
                break
            if not self.terms[position]:
                if word in self.rules.scope_ends:
                    break
                if word in self.rules.verbs and found and position != begin - 1:
                    break
                if word in _AND and not plural and self._has_verb_before(position):
                    break
            since = 0 if "," in following or word in _AND or word in _OR else since + 1
            if since > MOST_WORDS:
                break
            found.append(position)
        return found

    def _stands_alone(self, begin: int, end: int) -> bool:
        """Whether nothing else stands in the trigger's part of the sentence: "asthma, resolved"."""
        return self.gaps[begin].strip() != "" and (end >= self.end or self._ends_part(end))

    def _has_verb_before(self, position: int) -> bool:
        said = self.rules.verbs | self.rules.predicates
        return any(self.words[place] in said or self.words[place] == "with" for place in range(self.begin, position))


_PLURAL = frozenset({"were", "are", "both", "all", "son", "fueron", "eran", "han"})
_PREPOSITIONS = frozenset(
    {"for", "with", "about", "on", "to", "from", "against", "of", "given", "received", "reviewed", "a", "the"}
)
_TAIL_FOLLOWERS = frozenset(
    {
        "given",
        "based",
        "at",
        "on",
        "by",
        "per",
        "for",
        "today",
        "this",
        "currently",
        "since",
        "as",
        "in",
        "and",
        "or",
        "after",
    }
    | {"again", "so", "due", "secondary", "prior", "yesterday", "now", "y", "o", "por", "en", "al"}
)


def statements(breaks: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Word ranges of the statements, given for each word whether one begins there."""
    begin = 0
    for position in range(1, len(breaks)):
        if breaks[position]:
            yield begin, position
            begin = position
    if breaks:
        yield begin, len(breaks)
