"""The Official Guidelines: sections of the PDF as readable text."""
