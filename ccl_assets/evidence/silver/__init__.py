"""The silver tier: spans mined from notes, collected per code, refined."""
