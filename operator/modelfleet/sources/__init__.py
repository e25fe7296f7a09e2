"""FleetStore feeders: where raw objects come from."""
