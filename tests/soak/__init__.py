"""Every test at its evidence size in one long run that can be watched, broken off and repeated in part."""
