"""Paths of the user's corpora; every path is optional and stands for one ``CCL_`` setting."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccl_assets.resources.settings import Settings


@dataclass(frozen=True)
class CorpusPaths:
    """Paths of the corpora, each named like its setting: ``mimic_iv`` is ``CCL_MIMIC_IV``.

    Attributes:
        mimic_iv_note: Folder of MIMIC-IV-Note 2.2.
        mimic_iv: Folder of MIMIC-IV 2.2.
        edin_split: Split file (feather) of Edin et al. for MIMIC-IV.
        mdace: Folder of the MDACE annotations.
        mimic_iii: Folder of MIMIC-III 1.4, or its NOTEEVENTS file.
        aci_bench: Folder of ACI-Bench's challenge data.
        aci_labels: CSV file, or a folder of them, with ICD labels for ACI-Bench.
        codiesp: Folder of CodiEsp v4.
        codiesp_language: ``es``, or ``en`` for the machine translations that come with it.
    """

    mimic_iv_note: Path | None = None
    mimic_iv: Path | None = None
    edin_split: Path | None = None
    mdace: Path | None = None
    mimic_iii: Path | None = None
    aci_bench: Path | None = None
    aci_labels: Path | None = None
    codiesp: Path | None = None
    codiesp_language: str = "es"

    @classmethod
    def from_settings(cls, settings: Settings) -> CorpusPaths:
        """Take the paths from the settings, ``~`` expanded."""
        values: dict[str, Any] = {field.name: getattr(settings, field.name) for field in fields(cls)}
        for name, value in values.items():
            values[name] = value.expanduser() if isinstance(value, Path) else value
        return cls(**values)
