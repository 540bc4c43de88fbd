"""The report: tables, plots and notes of all systems on one page."""
