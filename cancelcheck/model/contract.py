"""What an OpenAPI contract promises."""

from __future__ import annotations

import msgspec


class Operation(msgspec.Struct, frozen=True):
    """An operation that says how long it may take: `timeout_ms`, by its `field`, which stands in `file` (an absolute
    path) at a line and column (1-based), and `text` on that line. `method` is in capitals, `path` as it is written;
    `operation_id` "" where there is none."""

    method: str
    path: str
    operation_id: str
    field: str
    timeout_ms: float
    file: str
    line: int
    column: int
    text: str = ""
