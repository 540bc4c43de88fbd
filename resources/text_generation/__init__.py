"""Language models behind one interface: requests in, completions out as they finish.

``requests`` holds the interface, ``stored`` the completion store in front of a backend. Backends: ``openai_endpoint``,
``transformers_engine``, ``vllm_engine`` and, for tests only, ``scripted``. Nothing is imported here, so that reading a request
type costs no torch.
"""
