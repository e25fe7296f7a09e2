"""What a proxy does with requests: tests of the data plane. Those that need no Envoy run everywhere."""
