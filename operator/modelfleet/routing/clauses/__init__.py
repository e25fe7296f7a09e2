"""What each clause of a policy comes to, one file for each."""
