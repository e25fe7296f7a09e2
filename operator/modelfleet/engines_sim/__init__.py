"""A simulated engine that speaks OpenAI's protocol, for demos and for tests of a gateway: no GPU, no weights, no luck.

It runs as a process of its own, `python -m modelfleet.engines_sim`, imports nothing of ours, and nothing imports it.
"""
