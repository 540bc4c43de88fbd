"""Identity of an adapter's base model: noted in the adapter when it is trained, compared wherever the two are joined.

An adapter fits every model of the same shape without complaint, and on another one it quietly gives nonsense.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

IDENTITY_FILE = "base_model.json"
_SAMPLED_BYTES = 64
_FRONT_MATTER_LICENSE = re.compile(r"\A---\n(?:(?!---\n).*\n)*?license:[ \t]*(\S+)")


class BaseModelMismatchError(RuntimeError):
    """An adapter was trained on another base model; the message names both."""


@dataclass(frozen=True)
class BaseModelIdentity:
    """Identity of a base model.

    Attributes:
        name: Its public name.
        revision: Commit of the hub it was downloaded at, if it was.
        weights_sha256: Hash of the name, type, shape and some bytes of every weight, and of the tokenizer. Does not depend on
            how the weights are spread over files.
        license: As its files state it, if they do.
    """

    name: str
    revision: str | None
    weights_sha256: str
    license: str | None


def identify(directory: Path, name: str) -> BaseModelIdentity:
    """Identify a model on disk."""
    is_snapshot = directory.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", directory.name)
    return BaseModelIdentity(
        name, directory.name if is_snapshot else None, weights_sha256(directory), _license(directory)
    )


def write_identity(identity: BaseModelIdentity, adapter_directory: Path) -> None:
    """Note in an adapter what it was trained on."""
    text = json.dumps(asdict(identity), indent=2) + "\n"
    (adapter_directory / IDENTITY_FILE).write_text(text, encoding="utf-8")


def require_same_base(adapter_directory: Path, base_directory: Path) -> None:
    """Refuse to join an adapter with another base model than it was trained on.

    An adapter that says nothing about its base (one from elsewhere) passes.

    Raises:
        BaseModelMismatchError: The base is another one.
    """
    file = adapter_directory / IDENTITY_FILE
    if not file.is_file():
        return
    trained_on = BaseModelIdentity(**json.loads(file.read_text(encoding="utf-8")))
    found = weights_sha256(base_directory)
    if found != trained_on.weights_sha256:
        revision = f" at {trained_on.revision}" if trained_on.revision else ""
        raise BaseModelMismatchError(
            f"adapter {adapter_directory} was trained on {trained_on.name}{revision} "
            f"({trained_on.weights_sha256[:12]}), and {base_directory} is another model ({found[:12]}): set CCL_MODEL to the "
            "one it was trained on, or train the adapter again"
        )


def weights_sha256(directory: Path) -> str:
    """Hash that tells models apart without reading gigabytes; see :class:`BaseModelIdentity`."""
    digest = hashlib.sha256()
    files = sorted(directory.glob("*.safetensors"))
    for line in sorted(line for file in files for line in _weights(file)):
        digest.update(line)
    if not files:  # older formats: sizes have to do
        for file in sorted(directory.glob("*.bin")):
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        digest.update((directory / "config.json").read_bytes())
    tokenizer = directory / "tokenizer.json"
    if tokenizer.is_file():
        digest.update(hashlib.sha256(tokenizer.read_bytes()).digest())
    return digest.hexdigest()


def _weights(file: Path) -> list[bytes]:
    """Per weight of a safetensors file: name, type, shape and bytes out of its middle."""
    lines = []
    with file.open("rb") as content:
        (header_length,) = struct.unpack("<Q", content.read(8))
        header: dict[str, Any] = json.loads(content.read(header_length))
        for name, weight in header.items():
            if name == "__metadata__":
                continue
            begin, end = weight["data_offsets"]
            content.seek(8 + header_length + begin + max(0, (end - begin - _SAMPLED_BYTES) // 2))
            sample = content.read(min(_SAMPLED_BYTES, end - begin))
            lines.append(f"{name} {weight['dtype']} {weight['shape']} ".encode() + sample)
    return lines


def _license(directory: Path) -> str | None:
    readme = directory / "README.md"
    stated = _FRONT_MATTER_LICENSE.match(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    if stated:
        return stated[1]
    configured = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("license")
    if configured:
        return str(configured)
    texts = sorted(directory.glob("LICENSE*"))
    return f"see {texts[0].name} of the base model" if texts else None
