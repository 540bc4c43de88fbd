"""Language models by role, the base model on disk, and the training process."""
