"""Which hardware a model goes to, and what speaks against it. Pure."""
