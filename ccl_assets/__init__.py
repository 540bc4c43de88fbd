"""Code-Centric / Span-Centric Learning for ICD-10-CM coding, as Dagster assets."""
