import dataclasses

import pytest

from ccl_assets.sft.dataset.building import document_prompt
from ccl_assets.sft.recipes import RECIPE_NAMES, RecipeError, TrainingSettings, load_recipe, load_recipes, recipe_sha256

PUBLISHED = {"epochs": 3, "learning_rate": 1e-4, "schedule": "cosine", "warmup_ratio": 0.1, "effective_batch_size": 16}


def test_packaged_recipes_are_the_four_ablation_rows_with_the_published_settings():
    recipes = load_recipes()
    assert tuple(recipes) == RECIPE_NAMES
    for recipe in recipes.values():
        assert {key: getattr(recipe.training, key) for key in PUBLISHED} == PUBLISHED
        assert (recipe.training.lora.rank, len(recipe.training.lora.target_modules)) == (8, 7)
    assert [recipe.spans.tiers for recipe in recipes.values()] == [(), (), ("gold",), ("gold", "silver", "synthetic")]
    assert [document_prompt(recipe) for recipe in recipes.values()] == ["code_only_coding"] + ["document_coding"] * 3


def test_quick_profile_bounds_time_and_examples_and_keeps_what_defines_the_recipe():
    full, quick = load_recipe("scl"), load_recipe("scl", "quick")
    assert quick.training.max_seconds is not None and full.training.max_seconds is None
    assert sum(quick.spans.max_per_tier.values()) < 50 and quick.documents.max_train < 10
    assert (quick.spans.tiers, quick.document_format, quick.seed) == (full.spans.tiers, full.document_format, full.seed)


def test_hash_is_stable_and_changes_with_any_setting():
    recipe = load_recipe("evidence")
    assert recipe_sha256(recipe) == recipe_sha256(load_recipe("evidence"))
    changed = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, max_length=100))
    assert recipe_sha256(changed) != recipe_sha256(recipe)
    assert len({recipe_sha256(r) for profile in ("full", "quick") for r in load_recipes(profile).values()}) == 8


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[recipes.a]\nseed = 1\nlearning_rate = 1", "unknown key 'learning_rate'"),
        ("[recipes.a]\nseed = -1", "seed must be a whole number >= 0, found -1"),
        ("[recipes.a]\nseed = 1\n[recipes.a.training]\nlearning_rate = '1e-4'", "training.learning_rate must be"),
        ("[recipes.a]\nseed = 1\n[recipes.a.training]\nlearning_rate = inf", "training.learning_rate must be"),
        (
            "[recipes.a]\nseed = 1\n[recipes.a.training]\nearly_stopping_patience = 2",
            "together with evaluate_every_steps",
        ),
        ("[recipes.a]\nseed = 1\n[recipes.a.training]\nepochs = true", "training.epochs must be a whole number"),
        ("[recipes.a]\nseed = 1\n[recipes.a.spans]\ntiers = ['human']", "spans.tiers must be distinct tiers"),
        (
            "[recipes.a]\nseed = 1\n[recipes.a.spans]\ntiers = ['gold']\nmax_per_tier = {silver = 1}",
            "spans.tiers ('gold',)",
        ),
        ("[recipes.a]\nseed = 1\n[recipes.a.documents]\nlong_notes = 'cut'", "documents.long_notes must be one of"),
        ("[recipes.a]\nseed = 1\n[recipes.a.documents]\ncopies = 0", "documents.copies must be a whole number >= 1"),
        ("[recipes.a]\nseed = 1\n[recipes.a.documents]\nnear_test_notes = true", "documents.near_test_notes must be"),
        ("[recipes.a]\nseed = 1\n[recipes.a.documents]\nmax_train = 0", "nothing is left to train on"),
        ("[recipes.a]\nseed = 1\ndocument_format = 'prose'", "document_format must be one of"),
        ("[recipes.a]\ndocument_format = 'evidence'", "seed"),
        ("[recipes.a]\nseed = 1\nspans = 3", "spans must be a table"),
        ("[quick.recipes.b]\nseed = 1", "unknown key 'b'"),
        ("[recipes.a\n", "not valid TOML"),
    ],
)
def test_a_bad_recipe_file_is_refused_with_file_key_and_rule(tmp_path, toml, said):
    given = "description = 'x'\n" + ("" if "document_format" in toml else "document_format = 'evidence'\n")
    path = tmp_path / "mine.toml"
    path.write_text(toml.replace("[recipes.a]\n", f"[recipes.a]\n{given}"))
    with pytest.raises(RecipeError) as error:
        load_recipes("quick", path)
    assert said in str(error.value) and "mine.toml" in str(error.value)


def test_unknown_recipe_and_profile_name_the_known_ones():
    with pytest.raises(RecipeError, match="recipes are code_only, evidence, evidence_gold, scl"):
        load_recipe("sc1")
    with pytest.raises(RecipeError, match="profiles are full, quick"):
        load_recipe("scl", "fast")


def test_settings_refuse_contradictions_however_they_are_built():
    with pytest.raises(RecipeError, match="warmup_ratio"):
        TrainingSettings(warmup_ratio=1.0)
