"""Threads and processes: what blocks them, and what outlives the one who waits."""
