"""The Tabular List: codes with their titles, and 7th-character expansion."""
