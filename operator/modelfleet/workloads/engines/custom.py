"""Anybody else's engine: it listens on $(PORT), and is ready once it does."""

from modelfleet.workloads.engine import ALL_SCHEMES, Engine

ENGINE = Engine(port=8080, takes=ALL_SCHEMES)
