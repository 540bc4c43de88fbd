"""What the shell around table assets shows: previews, gates in words, where columns come from, what to read on."""

import inspect

import dagster as dg
import pyarrow as pa
import pytest

from ccl_assets.evidence import checks
from ccl_assets.evidence.silver import assets as silver
from ccl_assets.lakehouse.documentation import describe, read_on
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.preview import preview
from ccl_assets.lakehouse.table_asset import GateError, Input, TableResult, check_result, gates_of, inputs, table_asset
from ccl_assets.tables.contract import STRING, Column, TableContract
from ccl_assets.tables.gate import Gate

NOTE = "Seen for atrial fibrillation."
TERMS = TableContract(
    "icd/terms", "Terms.", (Column("code", STRING, "Code."), Column("term", STRING, "Term.")), key=("code",)
)
QUOTES = TableContract(
    "corpus/quotes",
    "Quotes of notes.",
    (Column("code", STRING, "Code."), Column("quote", STRING, "Words of a note.")),
    key=("code",),
    has_note_text=True,
)

EXTRACTIONS = inspect.unwrap(silver.extractions.op.compute_fn.decorated_fn)  # the body as it was written


class InMemory(dg.IOManager):
    def handle_output(self, context, obj):
        pass

    def load_input(self, context):
        return None


def materialized(contract, result):
    @table_asset(contract, code_version="1", description="Details.", kinds={"python"})
    def table(context: dg.AssetExecutionContext) -> TableResult:
        return result

    done = dg.materialize([table], resources={"tables": InMemory()})
    return done.asset_materializations_for_node(table.op.name)[0].metadata


def quotes(*codes):
    return QUOTES.table([{"code": code, "quote": NOTE} for code in codes])


def test_rows_of_a_table_without_note_text_are_shown():
    assert (
        "Atrial fibrillation"
        in materialized(TERMS, TableResult([{"code": "I48", "term": "Atrial fibrillation"}]))["preview"].value
    )


def test_of_a_table_that_may_quote_notes_nothing_is_shown_unless_the_body_vouches_for_it():
    assert "preview" not in materialized(QUOTES, TableResult(quotes("I48", "I50")))
    assert "preview" not in materialized(QUOTES, TableResult(quotes("I48", "I50"), open_rows=quotes()))
    shown = materialized(QUOTES, TableResult(quotes("I48", "I50"), open_rows=quotes("I50")))["preview"].value
    assert NOTE in shown and "I50" in shown and "I48" not in shown


def test_a_preview_says_once_what_is_the_same_in_all_rows():
    table = pa.table(
        {"release": ["FY2026"] * 2, "code": ["I10", "I48"], "steps": [["direct"]] * 2, "gone": [None, None]}
    )
    assert preview(table).splitlines() == [
        "| code |", "|---|", "| I10 |", "| I48 |", "",
        "In all of these rows: release FY2026; steps direct; gone (empty)",
    ]  # fmt: skip


def test_a_preview_keeps_all_columns_of_a_single_row_and_escapes_what_would_break_the_table():
    table = pa.table({"a": ["x | y\nz <b>"], "b": ["w" * 80]})
    assert preview(table).splitlines()[2] == f"| x \\| y z &lt;b> | {'w' * 59}… |"


def test_a_failed_gate_shows_the_first_offenders_and_the_remedy_without_a_click():
    gate = Gate("g", False, "get the file again", {"missing": ["21", "22"], "first": (), "counts": {"a": 1}})
    metadata = check_result(gate, dg.AssetKey("t")).metadata
    assert metadata["missing"].value == "21; 22"
    assert metadata["remedy"].value == "get the file again"
    assert "first" not in metadata and metadata["counts"].value == {"a": 1}
    assert "remedy" not in check_result(Gate("g", True, "unused"), dg.AssetKey("t")).metadata


def test_a_column_says_from_where_it_was_carried():
    @table_asset(
        QUOTES, code_version="1", description="", kinds={"python"},
        ins=inputs(terms=Input(TERMS, carries=("code", "quote=term", "not_here=term"))),
    )  # fmt: skip
    def table(context: dg.AssetExecutionContext, terms: pa.Table) -> TableResult: ...

    metadata = table.metadata_by_key[dg.AssetKey(["corpus", "quotes"])]
    origins = dg.MetadataValue.column_lineage(metadata["dagster/column_lineage"]).value.deps_by_column
    terms = dg.AssetKey(["icd", "terms"])
    assert origins == {"code": [dg.TableColumnDep(terms, "code")], "quote": [dg.TableColumnDep(terms, "term")]}
    columns = {column.name: column.description for column in metadata["dagster/column_schema"].columns}
    assert columns["quote"] == "Words of a note. From `icd/terms.term`."


def test_a_column_cannot_be_carried_from_where_it_is_not_read():
    with pytest.raises(ValueError, match=r"icd/terms is said to hand on \['title'\]"):
        inputs(terms=Input(TERMS, carries=("code=title",)))
    with pytest.raises(ValueError, match="which is not read from it"):
        inputs(terms=Input(TERMS, columns=("code",), carries=("term",)))


def test_groups_sort_in_the_order_of_reading_and_name_the_papers_section():
    order = ("source", "icd", "corpus", "gold", "silver", "synthetic", "knowledge_base", "sft", "eval")
    names = [group_of(f"{name}/table").name for name in order]
    assert names == sorted(names) and len(set(names)) == len(order)
    assert describe("gold/pairs", "Pairs.", "More.") == "Pairs (paper, section 3.3).\n\nMore."
    assert describe("source/files", "Files.") == "Files."
    assert group_of("other/table").name == "other"


def test_every_group_leads_to_a_page_of_the_documentation():
    for name in ("source", "icd", "corpus", "gold", "silver", "synthetic", "knowledge_base", "sft", "eval"):
        (page,) = [value for key, value in read_on(f"{name}/x").items() if key.startswith("docs/")]
        assert page.value.startswith("# ")


def test_declared_column_lineage_names_columns_that_exist():
    from ccl_assets.contracts import CONTRACTS
    from ccl_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    declared = 0
    for name, contract in CONTRACTS.items():
        node = graph.get(dg.AssetKey(name.split("/")))
        if (lineage := node.metadata.get("dagster/column_lineage")) is None:
            continue
        for column, origins in getattr(lineage, "value", lineage).deps_by_column.items():
            assert column in contract.schema.names
            for origin in origins:
                assert origin.asset_key in node.parent_keys
                assert origin.column_name in CONTRACTS[origin.asset_key.to_user_string()].schema.names
                declared += 1
    assert declared > 20


class TestGatesAreDeclaredWhereTheyAreWritten:
    """Lists of gates that do not fit the body are found wrong when the asset is defined, before anything ran."""

    def test_a_gate_that_the_body_evaluates_and_nobody_lists_is_an_error(self):
        with pytest.raises(GateError, match="evaluates the gates quotes_verbatim, which `gates` does not list"):
            gates_of(EXTRACTIONS, [checks.answers_parsed])

    def test_a_gate_that_is_listed_and_never_evaluated_is_an_error(self):
        listed = [checks.answers_parsed, checks.quotes_verbatim, checks.grounded]
        with pytest.raises(GateError, match="never evaluates the gates grounded, which `gates` lists"):
            gates_of(EXTRACTIONS, listed)

    def test_a_function_that_declares_no_gate_is_an_error(self):
        with pytest.raises(TypeError, match=r"put @gate\(name, description\) above it"):
            gates_of(EXTRACTIONS, [checks.fold])
