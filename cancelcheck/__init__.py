"""cancelcheck: enforces the Cancel Safety Checklist on Python code."""

__version__ = "0.1.0"
