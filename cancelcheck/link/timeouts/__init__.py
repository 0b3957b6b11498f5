"""What waits, for how long, by which clock, and through whom a timeout comes."""
