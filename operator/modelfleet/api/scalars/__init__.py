"""Texts with a grammar of their own: names, durations, quantities, prices, addresses."""
