"""Temporary: goes as soon as ``evaluation/assets.py`` and ``tests/sft/test_rendering.py`` use ``build_system``."""


def AdapterCoder(name, generator, billable):  # type: ignore[no-untyped-def]  # noqa: N802
    from ccl_assets.coding.systems import Ingredients, build_system

    return build_system(name, Ingredients(billable, generator=generator))


PROMPTS = {
    "sft_code_only": "code_only_coding", "sft_evidence": "document_coding", "sft_evidence_gold": "document_coding",
    "scl": "document_coding", "scl_human_evidence": "document_coding_with_evidence",
}  # fmt: skip
