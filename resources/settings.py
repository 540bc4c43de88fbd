"""Every setting, read from the environment (``CCL_*``) here and nowhere else.

What a profile bounds is part of the settings, because both decide what is computed and so belong to the code version of the
assets they touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ccl_assets.resources.text_generation.backends import backend_names


@dataclass(frozen=True)
class Limits:
    """Bounds of a profile; ``None`` bounds nothing. Only steps that run a model or train one are bounded.

    Attributes:
        mined_notes: Notes per note shard that are sent to the miner.
        refined_codes: Codes per chapter whose candidates the miner refines; others keep their most frequent candidates.
        synthesized_families: Code families per chapter the synthesizer writes evidence for.
        answer_tokens: Tokens a system may answer a benchmark note with.
        benchmark_notes: Notes of each benchmark that costly systems are asked about; index look-up codes all.
        systems: Systems that code the benchmark notes; others can still be materialized by hand.
        is_training_bounded: Recipes apply their ``quick`` overrides (examples, steps, seconds).
    """

    mined_notes: int | None = None
    refined_codes: int | None = None
    synthesized_families: int | None = None
    answer_tokens: int = 512
    benchmark_notes: int | None = None
    systems: tuple[str, ...] | None = None
    is_training_bounded: bool = False


PROFILES = {
    "quick": Limits(
        mined_notes=1,
        refined_codes=1,
        synthesized_families=1,
        answer_tokens=160,
        benchmark_notes=12,
        systems=("index_lookup", "span_coder_gold", "span_coder", "base_cot", "sft_code_only", "scl"),
        is_training_bounded=True,
    ),
    "full": Limits(),
}


def _known_backend(name: str) -> str:
    if name not in backend_names():
        raise ValueError(f"there are {', '.join(backend_names())}")
    return name


class Settings(BaseSettings):
    """Settings of one deployment. Every field is an environment variable with the prefix ``CCL_``."""

    model_config = SettingsConfigDict(env_prefix="CCL_", extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path("data"), description="Folder of the lakehouse, artifacts and the Dagster instance.")
    lakehouse_uri: str | None = Field(None, description="Object store or folder of the Delta tables.")
    profile: Literal["quick", "full"] = Field("quick", description="Bounds of LLM and training steps.")

    icd_release: str | None = Field(
        None,
        description="The active release: path, URL (several, comma separated, make one release) or the label of a stored one; "
        "unset: the packaged FY2026.",
    )
    icd_previous_release: str | None = Field(None, description="The release to compare with, given in the same way.")
    mimic_iv_note: Path | None = Field(None, description="Folder of MIMIC-IV-Note 2.2.")
    mimic_iv: Path | None = Field(None, description="Folder of MIMIC-IV 2.2.")
    edin_split: Path | None = Field(None, description="Split file (feather) of Edin et al. for MIMIC-IV.")
    mdace: Path | None = Field(None, description="Folder of the MDACE annotations.")
    mimic_iii: Path | None = Field(None, description="Folder of MIMIC-III 1.4 (NOTEEVENTS).")
    aci_bench: Path | None = Field(None, description="Folder of ACI-Bench's challenge data.")
    aci_labels: Path | None = Field(None, description="CSV with ICD labels for ACI-Bench.")
    codiesp: Path | None = Field(None, description="Folder of CodiEsp v4.")
    codiesp_language: Literal["es", "en"] = Field(
        "es", description="Reports as written, or the machine translations that come with them (codes, no evidence)."
    )

    model: str = Field("packaged", description="Base model: `packaged`, a directory, or a Hugging Face model id.")
    miner_model: str | None = Field(None, description="Model of extraction and refinement, if not the base model.")
    synthesizer_model: str | None = Field(None, description="Model of synthesis, if not the base model.")
    backend: Annotated[str, AfterValidator(_known_backend)] = Field(
        "transformers", description="Who runs the models: a module of `resources/text_generation/backends`."
    )
    endpoint: str | None = Field(None, description="Base URL of an OpenAI-compatible server, for backend `openai`.")
    api_key: SecretStr = Field(SecretStr("none"), description="Key for the endpoint.")
    trusted_hosts: str = Field("", description="Hosts, comma separated, that may see restricted notes.")
    concurrency: int = Field(16, ge=1, description="Requests in flight to the endpoint.")
    context_tokens: int = Field(2048, ge=256, description="Window of the models, in tokens.")
    embedder: str = Field(
        "packaged", description="Sentence encoder: `packaged`, a directory, or a Hugging Face model id."
    )
    nearest_index: Literal["exact", "hnsw"] = Field("exact", description="Kind of the nearest-code index.")
    titles_cover: bool = Field(
        default=False, description="A code's title alone counts as evidence, so that nothing is synthesized for it."
    )
    constrain_codes: bool = Field(
        default=False, description="Systems may write billable codes only, where the backend can hold a model to that."
    )
    repair_codes: bool = Field(
        default=False,
        description="Replace an invalid code by the billable one of the nearest title, marked as repaired.",
    )
    report_restricted_notes: bool = Field(
        default=False,
        description="Show notes of restricted corpora in the report; whoever can open the file can read them.",
    )
    training_processes: int = Field(1, ge=1, description="Processes that train an adapter together, one GPU each.")
    threads: int | None = Field(None, ge=1, description="CPU threads of models; unset: all cores.")

    @property
    def limits(self) -> Limits:
        """Bounds of the chosen profile."""
        return PROFILES[self.profile]

    @property
    def lakehouse(self) -> str:
        """Root of the Delta tables."""
        return self.lakehouse_uri or str(self.home.resolve() / "lakehouse")

    @property
    def artifacts(self) -> Path:
        """Folder of indexes, adapters, reports and converted models."""
        return self.home.resolve() / "artifacts"

    @property
    def adapters(self) -> Path:
        """Folder of the adapters, one folder for each recipe."""
        return self.artifacts / "sft" / "adapter"

    @property
    def report(self) -> Path:
        """Folder of the evaluation report; ``index.html`` is its page."""
        return self.artifacts / "eval" / "report"

    @property
    def completions(self) -> Path:
        """The completion store."""
        return self.home.resolve() / "completions.sqlite"

    @property
    def trusted(self) -> tuple[str, ...]:
        """Trusted hosts as a tuple."""
        return tuple(host.strip() for host in self.trusted_hosts.split(",") if host.strip())

    @property
    def embeddings(self) -> Path:
        """The embedding store."""
        return self.home.resolve() / "embeddings.sqlite"

    def model_of(self, role: Literal["miner", "synthesizer", "coder"]) -> str:
        """Model name of a role; the coder is always the base model, since adapters are trained on it."""
        chosen = {"miner": self.miner_model, "synthesizer": self.synthesizer_model, "coder": None}[role]
        return chosen or self.model


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    Raises:
        pydantic.ValidationError: A variable does not parse; the message names it.
    """
    return Settings()  # type: ignore[call-arg]
