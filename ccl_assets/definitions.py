"""The code location: assembles assets, resources and IO managers, and nothing else."""

import dagster as dg

from ccl_assets.automation import jobs, schedules, sensors
from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora import assets as corpora
from ccl_assets.corpora import code_count_assets
from ccl_assets.corpora.loaders import has_restricted_notes
from ccl_assets.evaluation import assets as evaluation
from ccl_assets.evidence.gold import assets as gold_assets
from ccl_assets.evidence.knowledge_base import assets as knowledge_base_assets
from ccl_assets.evidence.silver import assets as silver_assets
from ccl_assets.evidence.synthetic import assets as synthetic_assets
from ccl_assets.icd import assets as icd
from ccl_assets.icd import change_assets as release_diff_assets
from ccl_assets.io_managers.artifact_directory import ArtifactDirectoryIOManager
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.faiss_index import FaissIndexIOManager
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.linking import assets as linking
from ccl_assets.releases.command import release_sources
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.resources.embedding.store import EmbeddingStore
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.models.trainer import Trainer
from ccl_assets.resources.settings import settings
from ccl_assets.sft import assets as sft

_SETTINGS = settings()
FILE_HASHES = FileHashes(_SETTINGS.home.resolve() / "file_hashes.json")
CORPUS_PATHS = CorpusPaths.from_settings(_SETTINGS)
RELEASE_SOURCE, PREVIOUS_RELEASE_SOURCE = release_sources(_SETTINGS, FILE_HASHES)

defs = dg.Definitions(
    assets=[
        asset
        for slice_ in (
            icd,
            release_diff_assets,
            corpora,
            code_count_assets,
            gold_assets,
            silver_assets,
            synthetic_assets,
            knowledge_base_assets,
            linking,
            sft,
            evaluation,
        )
        for asset in slice_.ASSETS
    ],
    resources={
        "tables": TableIOManager(DeltaTables(_SETTINGS.lakehouse), CONTRACTS),
        "faiss_index": FaissIndexIOManager(_SETTINGS.artifacts),
        "artifact_directory": ArtifactDirectoryIOManager(_SETTINGS.artifacts),
        "release_source": RELEASE_SOURCE,
        "previous_release_source": PREVIOUS_RELEASE_SOURCE,
        "corpus_paths": CORPUS_PATHS,
        "file_hashes": FILE_HASHES,
        "language_models": LanguageModels(_SETTINGS, mines_restricted_notes=has_restricted_notes(CORPUS_PATHS)),
        "embedder": Embedder(_SETTINGS.embedder, _SETTINGS.threads, EmbeddingStore(_SETTINGS.embeddings)),
        "trainer": Trainer(threads=_SETTINGS.threads, processes=_SETTINGS.training_processes),
        "pipes": dg.PipesSubprocessClient(),
    },
    jobs=jobs.JOBS,
    schedules=schedules.SCHEDULES,
    sensors=sensors.SENSORS,
    executor=dg.in_process_executor,
)
