"""Changes between releases: differences, the conversion table, the crosswalk."""
