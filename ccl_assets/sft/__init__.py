"""Fine-tuning: recipes, datasets, LoRA training and the adapters it leaves."""
