"""From a file's text to its facts. The only layer that knows LibCST."""

from cancelcheck.lower.module import LowerError, lower_module

__all__ = ["LowerError", "lower_module"]
