import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.token_bytes import read_token_bytes, token_ends


def tokenizer_with(model, **parts):
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@pytest.fixture(scope="module")
def sentence_piece():
    """A tokenizer as Llama 2's: blanks are marks, one stands in front of all, and unknown characters fall back to bytes."""
    from tokenizers import decoders, models, normalizers

    words = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(0x21, 0x7F))]
    model = models.BPE({word: n for n, word in enumerate(words)}, [], byte_fallback=True, unk_token="<unk>")
    decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer_with(model, decoder=decoder, normalizer=normalizer)


@pytest.fixture
def byte_level():
    from tokenizers import decoders, models, pre_tokenizers

    words = ["<|end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = tokenizer_with(
        models.BPE({word: n for n, word in enumerate(words)}, []),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    made.add_special_tokens({"eos_token": "<|end|>"})
    return made


@pytest.mark.parametrize("name", ["byte_level", "sentence_piece"])
def test_tokens_of_a_text_say_its_bytes(request, name):
    tokenizer = request.getfixturevalue(name)
    said = read_token_bytes(tokenizer)
    check_that_tokens_say(tokenizer, said)


# SentencePiece reads its own mark as a blank
@given(text=st.text(st.characters(exclude_characters="▁", exclude_categories=["Cs"]), min_size=1, max_size=30))
def check_that_tokens_say(tokenizer, said, text):
    tokens = tokenizer.encode(text, add_special_tokens=False)
    assert b"".join(said[token] for token in tokens) in (text.encode(), b" " + text.encode())


@pytest.mark.parametrize("name", ["byte_level", "sentence_piece"])
def test_any_text_can_be_spelled(request, name):
    said = read_token_bytes(request.getfixturevalue(name))
    text = "I10 – Ménière\n".encode()
    assert b"".join(said[token] for token in said.spell(text)) == text


def test_special_tokens_say_nothing(byte_level):
    said = read_token_bytes(byte_level)
    assert said[byte_level.eos_token_id] == said[10**6] == b""
    assert byte_level.eos_token_id not in said.in_order[1]


def test_an_added_token_that_is_not_special_says_its_words_and_is_in_no_grammar(byte_level):
    from tokenizers import AddedToken

    byte_level.add_tokens([AddedToken("<think>", special=False)])
    said = read_token_bytes(byte_level)
    added = byte_level.convert_tokens_to_ids("<think>")
    assert said[added] == b"<think>"
    assert added not in said.in_order[1]


def test_a_tokenizer_of_words_does_not_tell_its_bytes():
    from tokenizers import models, pre_tokenizers

    model = models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]")
    assert read_token_bytes(tokenizer_with(model, pre_tokenizer=pre_tokenizers.Whitespace())) is None


def test_a_vocabulary_that_lacks_a_byte_cannot_spell_it(byte_level):
    said = read_token_bytes(byte_level)
    poorer = type(said)({token: text for token, text in said.of.items() if text != b"x"})
    assert poorer.spell(b"axe") is None


@given(st.text(min_size=1), st.data())
def test_ends_follow_the_text_to_its_end_wherever_tokens_cut_its_bytes(text, data):
    whole = text.encode()
    cuts = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole))))})
    pieces = [whole[begin:end] for begin, end in pairwise(cuts)]
    ends = token_ends(pieces, text)
    assert len(ends) == len(pieces)
    assert list(ends) == [len(whole[:end].decode(errors="ignore")) for end in cuts[1:]]


@given(st.lists(st.binary(max_size=4), min_size=1))
def test_bytes_that_are_no_text_have_ends_as_well(pieces):
    text = b"".join(pieces).decode("utf-8", "replace")
    ends = token_ends(pieces, text)
    assert list(ends) == sorted(ends)
    assert ends == () if not text else ends[-1] == len(text)


def test_tokens_of_what_was_cut_off_have_no_end():
    assert token_ends([b"I1", b"0 ", b"STOP", b" more"], "I10 ") == (2, 4)
    assert token_ends([b"I1", b"0 ST", b"OP"], "I10 ") == (2, 4)
    assert token_ends([b"a", "–".encode()[:1], "–".encode()[1:], b"b"], "a–") == (1, 1, 2)


def test_blanks_that_decoding_dropped_shift_the_ends():
    assert token_ends([b" I", b"10"], "I10") == (1, 3)
    assert token_ends([b" ", b"I", b"10"], "I10") == (0, 1, 3)


@pytest.mark.parametrize("text", ["I11", "I100", "10", ""])
def test_tokens_that_say_something_else_have_no_ends(text):
    assert token_ends([b"I1", b"0"], text) == ()


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [(0, 1, -1), (1, 2, -6), (1, 3, -10), (0, 5, -16), (2, 3, -4), (3, 4, -4), (4, 5, -5), (3, 5, -9)],
)
def test_a_span_is_as_probable_as_its_tokens_together(begin, end, expected):
    # a, two tokens of é, " I" and "b"
    completion = Completion("r", "aé Ib", "stop", token_ends=(1, 1, 2, 4, 5), log_probabilities=(-1, -2, -4, -4, -5))
    assert math.log(completion.probability(begin, end)) == pytest.approx(expected)


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (2, 1), (-1, 2), (0, 6), (7, 9)])
def test_what_is_no_span_of_the_text_has_no_probability(begin, end):
    assert Completion("r", "aé Ib", "stop", token_ends=(5,), log_probabilities=(-1,)).probability(begin, end) is None


def test_without_tokens_no_probability_is_known():
    assert Completion("r", "I10", "stop").probability(0, 3) is None
