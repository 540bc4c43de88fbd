"""OpenAI-compatible endpoints: client, answers, policy."""
