"""The only way to a cluster's API server: plain requests, failures with names, and the Lease of who may write."""
