"""The resources as pydantic models, the rules that they keep, and what is generated from both."""
