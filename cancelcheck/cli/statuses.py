"""Exit statuses."""

CLEAN, FINDINGS, FAILED, INTERRUPTED = 0, 1, 2, 130
