"""Pages that show a chapter's knowledge base."""

from ccl_assets.evidence.knowledge_base.chapter_pages import HIDDEN, chapter_pages
from ccl_assets.evidence.knowledge_base.pairs import knowledge_base


def pages(ontology, pair, *, shows_silver=True):
    gold = [pair("I10", "Hypertension <b>", expansion="direct", source="title", modifier=None)]
    silver = [
        pair(code, text, grounding="candidate", is_trainable=True)
        for code, text in (("I11.0", "heart trouble"), ("I11.9", "Heart trouble"), ("I10", "HTN"))
    ]
    counts = [{"code": "I10", "evidence": "HTN", "document_count": 41_000, "labelled_document_count": 60_000}]
    rows = knowledge_base(ontology, gold, silver, [], ["htn"], counts)
    return dict(chapter_pages("09_I00-I99", rows, ontology.titles, shows_silver=shows_silver))


def test_every_code_shows_its_phrases_with_counts_rivals_and_reasons(small_ontology, pair):
    found = pages(small_ontology, pair)
    assert list(found) == ["I10.html", "I11.html", "index.html"]
    assert "Hypertension &lt;b&gt;" in found["I10.html"]
    assert "41,000 of 60,000" in found["I10.html"] and "100%" in found["I10.html"]
    assert "equal to a test span" in found["I10.html"]
    assert "does not say which of its codes is meant" in found["I11.html"]
    assert 'href="I11.html#I11.9"' in found["I11.html"]
    assert 'href="I10.html"' in found["index.html"]


def test_phrases_of_restricted_notes_are_counted_and_not_shown(small_ontology, pair):
    found = pages(small_ontology, pair, shows_silver=False)
    assert "HTN" not in found["I10.html"] and HIDDEN in found["I10.html"]
    assert "41,000 of 60,000" in found["I10.html"]
