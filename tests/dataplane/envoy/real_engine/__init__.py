"""llama.cpp's server behind a real Envoy: what scripted upstreams and a simulated engine cannot show of a real one."""
