"""The span coder: terms, what they are worth, the verifier, and its files."""

import json

import numpy as np
import pytest

from ccl_assets.linking import checks
from ccl_assets.linking.annotated_texts import NoLabelsError, annotated_texts, require_labels
from ccl_assets.linking.calibration import calibration_error, reliability_bins, share_at_precision
from ccl_assets.linking.card import card
from ccl_assets.linking.coder_folder import ReleaseCodes, read_codes, read_folder, write_folder
from ccl_assets.linking.features import FEATURES
from ccl_assets.linking.likeness import Likeness, words_of
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.storage import OtherReleaseError, UnreadableCoderError, content_version, read, write
from ccl_assets.linking.term_book import TermBook, longest
from ccl_assets.linking.terms import EmptyTierError, Terms, forms, require_tiers
from ccl_assets.linking.training import AnnotatedText, train
from ccl_assets.linking.verifier import OtherFeaturesError, Verifier, best_threshold


def pair(code, evidence, source="title", tier="gold", is_trainable=True):
    return {"code": code, "evidence": evidence, "tier": tier, "source": source, "is_trainable": is_trainable}


PAIRS = [
    pair("I10", "Essential (primary) hypertension"),
    pair("I10", "Hypertension", "index"),
    pair("E11.9", "Type 2 diabetes mellitus without complications"),
    pair("J45.909", "Unspecified asthma, uncomplicated"),
    pair("J45.909", "Asthma", "index"),
    pair("R05.9", "Cough, unspecified"),
    pair("R51.9", "Headache, unspecified"),
    pair("Z99.9", "X", "index"),
    pair("Q99.9", "never taught", is_trainable=False),
]


def notes(count=40):
    """Asthma is always coded, cough never where there is asthma, "high tension" is hypertension in the words of these notes."""
    found = []
    for number in range(count):
        spans = [("J45.909", "asthma")] if number % 2 else [("I10", "high tension")]
        said = "Asthma with cough." if number % 2 else "High tension and headache."
        found.append(
            AnnotatedText(f"made/{number}", f"made/chart{number}", f"ASSESSMENT:\n{said} Seen today.\n",
                          frozenset(code for code, _ in spans), tuple(spans))
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def trained():
    return train("en", PAIRS, notes(), release="FY2026")


def test_stems_join_inflections_and_leave_stop_words_out():
    stems = Stems("en")
    assert stems.of_text("fractures of the tibias") == stems.of_text("Fracture, tibia")
    assert Stems("es").of_text("las úlceras gástricas") == Stems("es").of_text("úlcera gástrica")
    with pytest.raises(ValueError, match="no stop words for language 'de'"):
        Stems("de")


def test_a_longer_match_covers_a_shorter_one_and_one_word_may_stand_between():
    book = TermBook([("kidney", "diseas"), ("chronic", "kidney", "diseas"), ("kidney",)])
    stems = ["chronic", "left", "kidney", "diseas"]
    matches = list(book.find(stems, [4] * 4))
    assert {(match.term, match.skipped) for match in matches} == {(0, 0), (1, 1), (2, 0)}
    assert [match.term for match in longest(matches)] == [1]
    assert not [match for match in book.find(stems, [2, 2, 4, 4]) if match.term == 1]  # not over the end of a statement


def test_forms_of_a_term():
    assert forms("Essential (primary) hypertension", "title")["Essential hypertension"] == "index"
    assert forms("Cough, unspecified", "title")["Cough"] == "default_form"
    assert "class 1 Obesity" in forms("Obesity, class 1", "title")


def test_one_letter_and_untrainable_pairs_are_no_terms():
    terms = Terms("en")
    terms.add_pairs(PAIRS)
    assert ("x",) not in terms.keys
    assert not any("Q99.9" in meanings for meanings in terms.meanings)


def test_an_empty_tier_is_named():
    terms = Terms("en")
    terms.add_pairs(PAIRS)
    with pytest.raises(EmptyTierError, match="no en terms of silver, human: materialize"):
        require_tiers(terms, ("title", "silver", "human"))
    assert not checks.has_terms({"gold": 3}, ("gold", "silver")).is_blocking
    stopped = checks.has_terms({}, ("gold",))
    assert stopped.is_blocking and not stopped.passed


def test_training_learns_what_annotators_keep(trained):
    codes = {found.code: found for found in trained.coder.code("ASSESSMENT:\nAsthma with cough. High tension.\n")}
    assert set(codes) == {"J45.909", "I10"}  # cough is never kept; "high tension" is a term of these notes alone
    assert codes["I10"].tier == "human"
    assert codes["I10"].probability > 0.5
    assert trained.judged_on == "training"
    assert calibration_error(reliability_bins(trained.probabilities, trained.is_given)) < 0.1


def test_evidence_is_verbatim_with_all_places(trained):
    text = "ASSESSMENT:\nAsthma, worse. Later: asthma again.\n"
    (found,) = [one for one in trained.coder.code(text) if one.code == "J45.909"]
    assert [text[begin:end] for begin, end in found.places] == ["Asthma", "asthma"]
    assert {name for name, _ in found.reasons} <= set(FEATURES)


def test_without_annotated_notes_stated_priors_hold():
    coder = train("en", PAIRS, []).coder
    assert coder.verifier.is_stated
    found = {one.code for one in coder.code("Asthma. No hypertension.")}
    assert found == {"J45.909"}  # what is denied is not given


def test_a_term_of_one_note_only_does_not_judge_that_note():
    """Its own span must not make a held-out note look easy: without others the reliability is what its tier is worth."""
    odd = AnnotatedText("made/odd", "made/odd", "Zebra stripes.", frozenset({"R51.9"}), (("R51.9", "zebra stripes"),))
    trained = train("en", PAIRS, [*notes(), odd])
    assert sum(trained.is_given) == 40  # the 41st code is no candidate of its own note


def test_a_coder_is_stored_without_loss_and_read_for_its_release_only(trained, tmp_path):
    write(trained.coder, tmp_path / "en")
    again = read(tmp_path / "en", "FY2026")
    text = notes()[1].text + notes()[0].text
    assert again.rank(text) == trained.coder.rank(text)
    version = content_version(tmp_path)
    write(trained.coder, tmp_path / "en")
    assert content_version(tmp_path) == version
    with pytest.raises(OtherReleaseError, match="gives codes of FY2026, and FY2027 is in force"):
        read(tmp_path / "en", "FY2027")


def test_damaged_and_foreign_files_are_refused(trained, tmp_path):
    with pytest.raises(UnreadableCoderError, match="materialize linking/coder"):
        read_folder(tmp_path)
    write_folder(tmp_path, {"en": trained.coder}, ReleaseCodes("FY2026", {"I10": "Hypertension"}))
    assert read_codes(tmp_path).titles == {"I10": "Hypertension"}
    assert set(read_folder(tmp_path)) == {"en"}
    head = json.loads((tmp_path / "en/coder.json").read_text())
    head["verifier"]["features"][0] = "another"
    (tmp_path / "en/coder.json").write_text(json.dumps(head))
    with pytest.raises(OtherFeaturesError, match="other features than this version computes"):
        read_folder(tmp_path)
    (tmp_path / "en/terms.json.gz").write_bytes(b"no")
    with pytest.raises(UnreadableCoderError, match="no whole span coder"):
        read_folder(tmp_path)


def test_threshold_is_that_of_the_best_f1():
    assert 0.4 < best_threshold([0.9, 0.8, 0.4, 0.3], [True, True, False, False], 2) < 0.8
    assert best_threshold([], [], 3) == 0.4


def test_calibration_figures():
    bins = reliability_bins([0.9, 0.9, 0.1], [True, True, False])
    assert calibration_error(bins) == pytest.approx(0.1)
    assert share_at_precision([0.9, 0.8, 0.1], [True, True, False]) == pytest.approx(2 / 3)
    assert share_at_precision([], []) == 0


def test_verifier_of_too_few_codes_is_the_stated_one():
    assert Verifier.train(np.zeros((5, len(FEATURES))), np.array([1, 0, 0, 0, 1])).is_stated


def test_likeness_tells_notes_apart():
    asthma, tension = frozenset({"J45.909"}), frozenset({"I10"})
    stems = [(["asthma", "inhal"], asthma), (["asthma", "wheez"], asthma), (["tension", "salt"], tension)]
    texts = [(words_of(words), codes) for words, codes in [*stems, (["tension", "inhal", "salt"], tension)]]
    likeness = Likeness.fit(texts)
    found = likeness.of(["asthma", "inhal"], ["J45.909", "I10", "R05.9"])
    assert set(found) == {"J45.909", "I10"}
    assert found["J45.909"] > found["I10"]


def test_codes_of_a_chart_go_to_the_note_whose_span_supports_them():
    documents = [{"corpus": "c", "chart_id": "1", "document_id": d, "text": d, "split": "train"} for d in ("a", "b")]
    labels = [{"corpus": "c", "chart_id": "1", "document_id": None, "code": code} for code in ("I10", "E11.9")]
    evidence = [{"corpus": "c", "document_id": "a", "code": "I10", "evidence_text": "HTN"}]
    (text,) = annotated_texts(documents, labels, evidence)
    assert (text.note, text.codes) == ("c/a", frozenset({"I10"}))
    require_labels("c", 2, [text])
    with pytest.raises(NoLabelsError, match="corpus d has 3 training notes and a code for none"):
        require_labels("d", 3, [text])


def test_the_card_shows_figures_and_weights_and_no_note(trained):
    text = card("human", {"en": trained})
    assert "| reliability |" in text and "calibration_error" in text
    assert "tension" not in text


def test_notes_without_marked_spans_teach_terms_too():
    """Only where they are many; and a code in every note has no words of its own."""
    texts = [
        AnnotatedText(f"m/{n}", f"m/{n}", f"{'Wheezing spells' if n % 2 else 'Salt craving'} seen.", frozenset({code}))
        for n in range(140)
        for code in (("J45.909",) if n % 2 else ("I10",))
    ]
    coder = train("en", PAIRS, texts).coder
    assert {one.code: one.tier for one in coder.code("Wheezing spells.")} == {"J45.909": "learned"}
    assert not train("en", PAIRS, texts[:60]).coder.terms.tiers()["learned"]
