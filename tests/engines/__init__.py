"""Engines that are nobody's imitation: built once from pinned source, kept in the user's cache, asked through Envoy."""
