"""The sentence encoder and the store of its vectors."""
