"""Language models behind one interface: requests in, completions out as they finish.

``requests`` holds the interface, ``stored`` the completion store in front of a backend, ``backends`` declares who can run a model
(``endpoint``, ``in_process`` and ``vllm`` do it; for tests only, ``scripted``). Nothing is imported here, so that reading a request
type costs no torch.
"""
