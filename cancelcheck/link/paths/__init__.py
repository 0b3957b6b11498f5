"""Paths through one function, each with its witness, and what bounds or ends them."""
