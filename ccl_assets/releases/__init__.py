"""ICD-10-CM releases of a deployment: the command that keeps them, and the calendar."""
