"""From raw objects to values: parsing, and the frozen snapshot that everything is decided from."""
