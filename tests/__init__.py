"""A package, so that tests can import their helpers whatever else is installed under the name."""
