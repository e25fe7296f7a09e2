"""Gateways on a real control plane: what is applied, what Envoys have of it, and what users are told."""
