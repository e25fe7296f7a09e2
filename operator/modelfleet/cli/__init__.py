"""The command line: one file for each command, and nothing heavy before a command runs."""
