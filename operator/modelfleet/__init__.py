"""modelfleet: one declared model of hardware, models and routes for a fleet of models."""

__version__ = "0.1.0"
