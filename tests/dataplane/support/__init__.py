"""The two ends of the wire around the proxy under test: an upstream that does as told, and a client that sees all."""
