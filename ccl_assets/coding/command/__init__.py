"""The command line that codes notes, and its output as table, JSON and FHIR."""
