"""Rights in use: what the chart grants, as whom our roles run in tests, and what the API server saw them ask for."""
