"""A contract says how a table breaks it, by column and row number and never by content."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.contracts import CONTRACTS
from ccl_assets.tables.contract import INTEGER, REAL, STRING, STRINGS, Column, ContractViolationError, TableContract

NOTES = TableContract(
    "test/notes",
    "Notes for these tests.",
    (
        Column("chart", STRING, "Chart."),
        Column("position", INTEGER, "Position in the chart."),
        Column("words", STRINGS, "Words."),
        Column("score", REAL, "Score.", is_nullable=True),
    ),
    key=("chart", "position"),
    has_note_text=True,
)
SECRET = "Mrs Winterbottom"
ROW = {"chart": SECRET, "position": 1, "words": ["a", "b"], "score": None}


def row(**changes: object) -> dict:
    return {**ROW, **changes}


def damaged(column: str, values: pa.Array) -> pa.Table:
    table = NOTES.table([row(), row(position=2)])
    return table.set_column(table.schema.get_field_index(column), column, values)


def test_rows_become_a_table_with_the_contract_s_schema_and_no_violations():
    table = NOTES.table([row(), row(position=2, score=0.5)])
    assert table.schema == NOTES.schema
    assert table.to_pylist() == [row(), row(position=2, score=0.5)]
    assert NOTES.violations(table) == []
    NOTES.check(table)
    assert NOTES.violations(NOTES.table([])) == []


@pytest.mark.parametrize(
    ("odd", "named"),
    [({k: v for k, v in ROW.items() if k != "score"}, "score"), (row(colour=SECRET), "colour"), ({}, "chart")],
)
def test_a_row_that_lacks_or_adds_columns_is_named_by_number(odd, named):
    with pytest.raises(ContractViolationError, match=rf"test/notes: row 1 lacks or adds columns .*'{named}'") as caught:
        NOTES.table([row(), odd])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("position", SECRET),
        ("position", 2**31),
        ("position", 2**70),
        ("position", 1.5),
        ("chart", 17),
        ("words", SECRET),
        ("words", [1]),
        ("score", SECRET),
        ("chart", f"{SECRET} \ud83d"),  # half an emoji, as a model's JSON escapes may give
    ],
)
def test_values_of_another_type_name_the_column_and_not_the_value(column, value):
    with pytest.raises(ContractViolationError, match=f"column '{column}' holds values that are not") as caught:
        NOTES.table([row(**{column: value})])
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_missing_surplus_and_mistyped_columns_are_all_named():
    table = pa.table({"chart": ["c"], "position": ["1"], "colour": ["red"], "words": [["a"]]})
    problems = NOTES.violations(table)
    assert "column 'score' is missing" in problems
    assert "column 'colour' is not in the contract" in problems
    assert "column 'position' is string, not int32" in problems
    assert problems == NOTES.violations(table)


def test_a_column_that_stands_twice_is_a_violation():
    table = NOTES.table([row()])
    assert NOTES.violations(table.append_column("chart", pa.array([SECRET]))) == ["column 'chart' stands there 2 times"]


def test_mistyped_columns_are_named_in_the_contract_s_order():
    table = pa.table({"chart": [1], "position": ["1"], "words": ["a"], "score": ["x"]})
    assert [problem.split("'")[1] for problem in NOTES.violations(table)] == ["chart", "position", "words", "score"]


def test_empty_values_are_counted_with_the_first_rows():
    rows = [row(position=number, chart=None if number % 2 else SECRET) for number in range(20)]
    (problem,) = NOTES.violations(NOTES.table(rows))
    assert problem == "column 'chart' has 10 empty values, first rows [1, 3, 5, 7, 9]"


def test_empty_elements_of_a_list_are_a_violation():
    (problem,) = NOTES.violations(NOTES.table([row(), row(position=2, words=["a", None])]))
    assert problem == "column 'words' has 1 empty elements"


def test_empty_values_of_a_nullable_column_are_none():
    assert NOTES.violations(NOTES.table([row(score=None)])) == []


def test_rows_that_repeat_a_key_are_named_by_number_only():
    rows = [row(position=number // 2) for number in range(14)]
    (problem,) = NOTES.violations(NOTES.table(rows))
    assert problem == "7 rows repeat the key ['chart', 'position'], first rows [1, 3, 5, 7, 9]"
    with pytest.raises(ContractViolationError, match="test/notes does not fit its contract: 7 rows repeat") as caught:
        NOTES.check(NOTES.table(rows))
    assert SECRET not in str(caught.value)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=12))
@settings(deadline=None)
def test_duplicates_are_found_exactly_where_keys_repeat(keys):
    table = NOTES.table([row(chart=chart, position=position) for chart, position in keys])
    repeated = [number for number, key in enumerate(keys) if key in keys[:number]]
    expected = [f"{len(repeated)} rows repeat the key ['chart', 'position'], first rows {repeated[:5]}"]
    assert NOTES.violations(table) == (expected if repeated else [])


def test_a_key_partition_or_unhashed_column_must_be_a_column():
    columns = (Column("chart", STRING, "Chart."),)
    for odd in (
        {"key": ("day",)},
        {"key": ("chart",), "partition_column": "day"},
        {"key": ("chart",), "unhashed": ("day",)},
    ):
        with pytest.raises(ValueError, match=r"test/x: key or partition column not among the columns: \['day'\]"):
            TableContract("test/x", "x", columns, **odd)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_every_contract_of_the_project_is_described_and_takes_no_rows(contract):
    assert contract.description.endswith(".")
    assert all(column.description for column in contract.columns)
    assert len({column.name for column in contract.columns}) == len(contract.columns)
    assert contract.key
    assert contract.violations(contract.table([])) == []
