"""Hostile fleets against a running Envoy: what is asked of it, and what nobody may be answered."""
