"""The training process: packed LoRA fine-tuning that a killed run resumes."""
