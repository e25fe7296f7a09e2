"""Text to plain values, as kubectl reads it, with where everything is written; bounded in time and memory."""
