"""Contexts: the parameters that carry a cancellation or a deadline, and the clocks that deadlines are made of."""
