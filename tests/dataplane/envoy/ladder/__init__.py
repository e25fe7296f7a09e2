"""The ladder on a real Envoy: falls, repeats, the clock, and the end, each with the whole record."""
