"""Which billable codes have evidence before synthesis."""

from ccl_assets.evidence.synthetic.coverage import coverage
from ccl_assets.evidence.tables import COVERAGE


def test_each_billable_code_has_one_row_with_its_family(small_ontology):
    rows = coverage(small_ontology, [], [], "FY2026")
    assert {row["code"] for row in rows} == small_ontology.billable
    assert len(rows) == len(small_ontology.billable)
    family = {row["code"]: row["family_code"] for row in rows}
    assert (family["S82.201A"], family["S82.202S"], family["I10"]) == ("S82.201", "S82.201", "I10")
    assert not any(row["is_covered"] for row in rows)
    assert COVERAGE.violations(COVERAGE.table(rows)) == []


def test_direct_gold_and_trainable_silver_cover_and_nothing_else_does(small_ontology):
    gold = [
        {"code": "I10", "expansion": "direct"},
        {"code": "I10", "expansion": "direct"},
        {"code": "I11.0", "expansion": "dash_subtree"},
        {"code": "S82.201A", "expansion": "seventh_character"},
    ]
    silver = [{"code": "S82.201S", "is_trainable": True}, {"code": "I11.9", "is_trainable": False}]
    rows = {row["code"]: row for row in coverage(small_ontology, gold, silver, "FY2026")}
    assert {code for code, row in rows.items() if row["is_covered"]} == {"I10", "S82.201S"}
    assert (rows["I10"]["gold_count"], rows["S82.201S"]["silver_count"]) == (2, 1)
    assert (rows["I11.0"]["gold_count"], rows["I11.9"]["silver_count"]) == (0, 0)


def test_a_title_covers_its_code_only_where_it_is_said_to(small_ontology):
    gold = [
        {"code": "I10", "expansion": "direct", "source": "title", "term_id": "I10/title"},
        {"code": "I11.0", "expansion": "direct", "source": "default_form", "term_id": "I11.0/title"},
        {"code": "I11.9", "expansion": "direct", "source": "inclusion_term", "term_id": "I11.9/inclusion_term/0"},
    ]
    for titles_cover, covered in ((False, {"I11.9"}), (True, {"I10", "I11.0", "I11.9"})):
        rows = coverage(small_ontology, gold, [], "FY2026", titles_cover=titles_cover)
        assert {row["code"] for row in rows if row["is_covered"]} == covered
