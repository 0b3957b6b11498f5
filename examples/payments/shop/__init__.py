"""A payment service with a few defects."""
