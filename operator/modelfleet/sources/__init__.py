"""Where raw objects come from: files, what is read in them, and what can be said of all of it."""
