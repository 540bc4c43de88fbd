"""Sensors; off until somebody switches them on."""

from __future__ import annotations

import hashlib
import json

import dagster as dg

from ccl_assets.automation.jobs import refresh
from ccl_assets.automation.sources import source_versions

_EVERY = 300  # seconds


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=_EVERY,
    default_status=dg.DefaultSensorStatus.STOPPED,
    required_resource_keys={"release_source", "previous_release_source", "corpus_paths", "file_hashes"},
    description="Looks at the files of the release and of the corpora every five minutes and launches the job `refresh` when their "
    "content changed. Files are read again only if their size or time changed. The first look only remembers.",
)
def source_files_changed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request a refresh when a source's data version changed."""
    resources = context.resources
    sources = source_versions(
        resources.release_source, resources.previous_release_source, resources.corpus_paths, resources.file_hashes
    )
    try:
        versions = {
            f"{name} {partition or ''}".strip(): version
            for name, look in sources.items()
            for partition, version in look().items()
        }
    except (ValueError, RuntimeError, OSError) as error:
        return dg.SkipReason(f"a source cannot be read: {error}")
    known = json.loads(context.cursor) if context.cursor else None
    cursor = json.dumps({name: hashlib.sha256(version.encode()).hexdigest()[:16] for name, version in versions.items()})
    now = json.loads(cursor)
    changed = sorted(name for name in now.keys() | (known or {}).keys() if known and now.get(name) != known.get(name))
    if not changed:
        context.update_cursor(cursor)
        return dg.SkipReason("nothing changed" if known else "remembered what is there now")
    context.log.info(f"changed: {', '.join(changed)}")
    return dg.SensorResult([dg.RunRequest(tags={"ccl/changed": ", ".join(changed)[:200]})], cursor=cursor)


SENSORS = [source_files_changed]
