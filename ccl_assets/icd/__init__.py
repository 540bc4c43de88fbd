"""ICD-10-CM releases: codes, instructions, index terms, guidelines."""
