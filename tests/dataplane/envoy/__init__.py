"""Requests through a real Envoy that our own control plane programs."""
