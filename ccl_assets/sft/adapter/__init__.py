"""The adapter directory and its model card."""
