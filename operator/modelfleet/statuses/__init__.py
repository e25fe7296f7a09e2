"""What is true of each object, as the status that is written on it. Pure: times are put in last."""
