"""The files of an ICD-10-CM release: found, told apart by content, read safely."""
