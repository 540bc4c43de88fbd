"""Which base model an adapter belongs to, from the model's files alone."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from ccl_assets.resources.models.base_model_identity import (
    BaseModelMismatchError,
    identify,
    require_same_base,
    weights_sha256,
    write_identity,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def make_model(tmp_path):
    def make(name, shift=0.0, **config):
        directory = tmp_path / name
        directory.mkdir(parents=True)
        weights = {f"layer.{n}": np.arange(100, dtype=np.float32).reshape(4, 25) + shift for n in range(3)}
        save_file(weights, directory / "model.safetensors")
        (directory / "config.json").write_text(json.dumps(config))
        (directory / "tokenizer.json").write_text("{}")
        return directory

    return make


def test_same_weights_are_the_same_model_and_others_are_not(make_model):
    one, again, other = make_model("one"), make_model("again", license="mit"), make_model("other", shift=0.5)
    assert weights_sha256(one) == weights_sha256(again) != weights_sha256(other)
    (again / "tokenizer.json").write_text('{"other": 1}')
    assert weights_sha256(one) != weights_sha256(again)


def test_a_mismatch_names_both_models_and_the_remedy(make_model, tmp_path):
    trained_on, other = make_model(f"snapshots/{COMMIT}"), make_model("other", shift=0.5)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    require_same_base(adapter, other)  # an adapter from elsewhere, which says nothing
    write_identity(identify(trained_on, "org/model"), adapter)
    require_same_base(adapter, trained_on)
    with pytest.raises(
        BaseModelMismatchError, match=rf"trained on org/model at {COMMIT} .*other is another.*CCL_MODEL"
    ):
        require_same_base(adapter, other)


@pytest.mark.parametrize(
    ("files", "config", "expected"),
    [
        ({"README.md": "---\ntags: [a]\nlicense: apache-2.0\n---\n# Model\n"}, {}, "apache-2.0"),
        ({"README.md": "---\ntags: [a]\n---\nlicense: none of ours\n"}, {}, None),
        ({}, {"license": "mit"}, "mit"),
        ({"LICENSE.txt": "..."}, {}, "see LICENSE.txt of the base model"),
        ({}, {}, None),
    ],
)
def test_the_licence_is_what_the_files_state(make_model, files, config, expected):
    directory = make_model("model", **config)
    for name, text in files.items():
        (directory / name).write_text(text)
    identity = identify(directory, "name")
    assert identity.license == expected and identity.revision is None
