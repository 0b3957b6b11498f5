"""Functions that promised something: SLA functions and those that serve requests."""
