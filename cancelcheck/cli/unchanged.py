"""The report of a run on a tree in which nothing has changed: what the last one said, read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cancelcheck.config import RunOptions
from cancelcheck.engine import ground, versions
from cancelcheck.engine.standing import Looked
from cancelcheck.engine.store import Store
from cancelcheck.engine.texts import Texts
from cancelcheck.model.source import STDIN
from cancelcheck.reporting import FORMS


def key_for(run: RunOptions, given: Mapping[str, object], paths: Sequence[str]) -> bytes | None:
    """Stands for all that a run was asked for; None where its report is more than what it finds on the disk."""
    if STDIN in paths or run.fix or run.diff or run.since or run.write_baseline or run.prune_baseline:
        return None
    settings = {name: value for name, value in sorted(given.items()) if name not in _HOW_IT_IS_SHOWN}
    return ground.key_of(versions.stamp(), settings, paths)


_HOW_IT_IS_SHOWN = (
    *("cache-dir", "color", "exit-zero", "facts", "format", "jobs", "output", "quiet", "show-suppressed", "statistics"),
    "verbose",
)
"""Options that say nothing of what is found."""


def known_of(
    store: Store, key: bytes, run: RunOptions, looked: Looked | None
) -> ground.Unchanged | ground.Changed | None:
    """The report, if all that it stood on is as it was; the run that made it, if some files have changed. What was just
    `looked` at is not looked at again."""
    known = ground.recall(store, key, looked)
    if not isinstance(known, ground.Unchanged):
        return known
    report = known.report
    if run.format is not None and FORMS[run.format].lists_rules:
        from cancelcheck.rules import RULES

        report = msgspec.structs.replace(report, rules=RULES)
    return known._replace(
        report=msgspec.structs.replace(report, sources=Texts({finding.path for finding in report.findings}))
    )


def asked_for(given: Mapping[str, object], paths: Sequence[str]) -> str:
    """Stands for what a shared run is asked for: the same for all of its parts."""
    from cancelcheck.engine import shards

    hidden = (*_HOW_IT_IS_SHOWN, "no-cache", "shard")
    return shards.asked_for({name: value for name, value in given.items() if name not in hidden}, paths)
