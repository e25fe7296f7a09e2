"""What a user does: the image is built, the chart installed, a sample answered, and all of it taken away again."""
