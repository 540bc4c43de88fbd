"""The list of codes that an answer may hold, and which tokens keep to it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.in_process.answer_guide import AnswerGuide, GrammarError, GuideTokens
from ccl_assets.resources.text_generation.token_bytes import read_token_bytes

HEADING = "### Codes"
LINES = (
    "I10 – Essential (primary) hypertension",
    "I11.0 – Hypertensive heart disease with heart failure",
    "I11.9 – Hypertensive heart disease without heart failure",
    "M35.00 – Sjögren syndrome, unspecified",
    "M35.09 – Sjögren syndrome with other organ involvement",
    "A",
    "AB",
)
END = 1


def tokenizer_of(pieces, *, cuts_words=False):
    """A byte-level tokenizer with the given pieces as tokens of their own, whatever they span."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=cuts_words)
    words = ["<|pad|>", "<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    for piece in pieces:
        ((word, _),) = level.pre_tokenize_str(piece)
        words += [word] * (word not in words)
    tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(words[:2])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")


PIECES = [
    "- ",
    "- I",
    " I",
    "I1",
    "11",
    "10",
    ".0",
    ".00 –",
    " –",
    "\n-",
    "\n- ",
    "\n- I1",
    "\n\n",
    "B\n",
    "des\n- A\n- ",
]


@pytest.fixture(scope="module")
def tokens():
    """``LINES`` in tokens that span whatever they like."""
    tokenizer = tokenizer_of([*PIECES, "### Codes\n", "es\n- "])
    return GuideTokens(CodeListGrammar(HEADING, LINES), tokenizer, read_token_bytes(tokenizer))


def write(guide, tokens, text):
    """Let a guide take a text byte by byte."""
    for byte in text.encode():
        guide.take(tokens.said.token_of[bytes([byte])])


def in_list(tokens, text=""):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, f"{HEADING}\n{text}")
    return guide


def said(tokens, guide):
    return {tokens.said[token].decode("utf-8", "replace") if token != END else "END" for token in guide.allowed()}


def may_follow(text, *, at_end=False):
    """Whether an answer may go on, or end, after this text of its list; the slow and plain way."""
    *finished, last = text.split(b"\n")
    lines = {f"- {line}".encode() for line in LINES}
    if len(set(finished)) < len(finished) or not lines.issuperset(finished):
        return False
    open_lines = lines.difference(finished)
    if at_end:
        return last == b"" or last in open_lines
    return any(line.startswith(last) for line in open_lines)


def test_at_the_beginning_of_a_line_it_begins_or_the_answer_ends(tokens):
    assert said(tokens, in_list(tokens)) == {"-", "- ", "- I", "END"}


def test_a_code_is_written_as_far_as_there_is_a_choice_and_its_title_follows(tokens):
    assert said(tokens, in_list(tokens, "- I")) == {"1", "10", "11"}
    assert said(tokens, in_list(tokens, "- I1")) == {"0", "1"}
    guide = in_list(tokens, "- I10")
    written = b""
    while len(allowed := guide.allowed()) == 1:
        written += tokens.said[allowed[0]]
        guide.take(allowed[0])
    assert written.decode() == " – Essential (primary) hypertension"
    assert said(tokens, guide) == {"\n", "\n-", "\n- ", "\n- I1", "END"}


def test_a_code_written_is_not_allowed_again(tokens):
    guide = in_list(tokens, "".join(f"- {line}\n" for line in LINES[:2]))
    write(guide, tokens, "- I1")
    assert said(tokens, guide) == {"1"}
    write(guide, tokens, LINES[2][2:] + "\n")
    assert said(tokens, guide) == {"-", "- ", "END"}
    write(guide, tokens, "- ")
    assert said(tokens, guide) == {"M", "A"}


def test_a_line_that_another_begins_with_may_end_or_go_on(tokens):
    assert said(tokens, in_list(tokens, "- A")) >= {"B", "B\n", "\n", "END"}
    assert said(tokens, in_list(tokens, "- A\n- A")) == {"B"}
    assert "B" not in said(tokens, in_list(tokens, "- AB\n- A"))


def test_when_every_line_is_written_the_answer_ends(tokens):
    assert said(tokens, in_list(tokens, "\n".join(f"- {line}" for line in LINES))) == {"END"}


def test_a_list_of_one_line(tokens):
    tokenizer = tokenizer_of(PIECES)
    only = GuideTokens(CodeListGrammar("Codes", ("I10 – x",)), tokenizer, read_token_bytes(tokenizer))
    guide = AnswerGuide(only, [END])
    write(guide, only, "Codes\n")
    assert said(only, guide) == {"-", "- ", "- I", "END"}
    write(guide, only, "-")
    written = b"-"
    while (allowed := guide.allowed()) != [END]:
        (token,) = allowed
        written += only.said[token]
        guide.take(token)
    assert written.decode() == "- I10 – x"


@pytest.mark.parametrize("before", ["", "any text\n\n", "### Evidence\n- I99 – is no code here\n"])
@pytest.mark.parametrize("heading", ["### Codes", "**CODES:**", "  codes \r"])
def test_any_text_may_stand_before_the_heading_however_that_is_adorned(tokens, before, heading):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, before + heading)
    assert guide.allowed() is None
    refused = {
        text
        for text in ("\n\n", "x", "\n- ", "\n", "des\n- A\n- ")
        if not guide.accepts(tokens.said.token_of[text.encode()])
    }
    assert refused == {"\n\n"}
    write(guide, tokens, "\n")
    assert said(tokens, guide) == {"-", "- ", "- I", "END"}


def test_a_token_may_hold_the_heading_and_what_follows_it(tokens):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, "### Cod")
    guide.take(tokens.said.token_of[b"es\n- "])
    assert said(tokens, guide) == {"I", "I1", "M", "A"}


def test_a_line_that_is_not_the_heading_opens_no_list(tokens):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, "### Codes and more\n- Z\n")
    assert guide.allowed() is None


@pytest.mark.parametrize(("before", "written"), [("", HEADING), ("some text", "\n" + HEADING), ("text\n", HEADING)])
def test_an_answer_that_would_end_before_its_list_gets_the_heading(tokens, before, written):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, before)
    assert not guide.accepts(END)
    guide.begin_list()
    taken = b""
    while len(allowed := guide.allowed()) == 1:
        taken += tokens.said[allowed[0]]
        guide.take(allowed[0])
    assert taken.decode() == written + "\n"
    assert END in guide.allowed()


def test_an_answer_may_end_right_after_the_heading(tokens):
    guide = AnswerGuide(tokens, [END])
    write(guide, tokens, HEADING)
    assert guide.accepts(END)


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_every_token_that_keeps_to_the_list_is_allowed_and_no_other(tokens, seed):
    chance = random.Random(seed)
    guide, text = in_list(tokens), b""
    everything = [(token, said) for token, said in tokens.said.of.items() if said.count(b"\n") < 2]
    for _ in range(40):
        allowed = guide.allowed()
        possible = {token for token, piece in everything if may_follow(text + piece)}
        assert (END in allowed) == may_follow(text, at_end=True)
        assert set(allowed) - {END} <= possible
        # where one line is left the tokens are those of the tokenizer
        assert len(allowed) == 1 or set(allowed) - {END} == possible
        if not possible:
            return
        token = chance.choice([token for token in allowed if token != END])
        text += tokens.said[token]
        guide.take(token)


def test_the_title_is_cut_into_tokens_as_the_tokenizer_cuts_the_whole_line():
    tokenizer = tokenizer_of([], cuts_words=True).train_new_from_iterator(
        [f"- {line}" for line in LINES], 400, show_progress=False
    )
    tokens = GuideTokens(CodeListGrammar(HEADING, LINES), tokenizer, read_token_bytes(tokenizer))
    for line in LINES[:5]:
        text = f"- {line}"
        code = f"- {line.split()[0]}"
        whole = tokenizer.encode(text, add_special_tokens=False)
        assert [*tokenizer.encode(code, add_special_tokens=False), *tokens.spell(text.encode(), len(code))] == whole
        # a place within a token
        spelled = tokens.spell(text.encode(), len(code) + 3)
        assert b"".join(tokens.said[token] for token in spelled) == text.encode()[len(code) + 3 :]


def test_a_tokenizer_that_does_not_tell_its_bytes_is_refused_with_the_remedy():
    with pytest.raises(GrammarError, match="Ask without a grammar"):
        GuideTokens(CodeListGrammar(HEADING, LINES), tokenizer_of([]), None)


def test_grammars_of_equal_content_are_equal_and_share_a_hash():
    one, other = CodeListGrammar(HEADING, LINES), CodeListGrammar(HEADING, (*LINES[::-1], LINES[0]))
    assert (one, hash(one), one.sha256) == (other, hash(other), other.sha256)
    assert one != CodeListGrammar(HEADING, LINES[1:])
    assert one != CodeListGrammar("### Other", LINES)
    assert LINES[0] not in repr(one)


@pytest.mark.parametrize(
    ("heading", "lines"),
    [("", ("I10",)), ("###", ("I10",)), ("a\nb", ("I10",)), ("a", ()), ("a", ("",)), ("a", ("x\ny",))],
)
def test_what_is_no_list_of_lines_is_refused(heading, lines):
    with pytest.raises(ValueError, match="code list"):
        CodeListGrammar(heading, lines)
