"""What is reported of a project's wrapper whose timeout is left at a value that never ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.link.timeouts.advice import constant_in_reach, library_of, spelled
from cancelcheck.link.timeouts.giving import handed_on
from cancelcheck.model.edit import Safety

if TYPE_CHECKING:
    from cancelcheck.link.context import Context
    from cancelcheck.link.function import CallSite
    from cancelcheck.link.timeouts.passing import Endless
    from cancelcheck.model.finding import Finding, Step


def left_endless(call: CallSite, endless: Endless, ctx: Context) -> Finding:
    """The finding at a call that leaves a wrapper's timeout without a limit, with the chain to the library's call."""
    last = endless.chain[-1]
    if endless.value is None:
        left = f"`{call.text}(…)` has no timeout"
        step = f"`{endless.param}` is left out"
    else:
        value = spelled(endless.value)
        left = f"`{call.text}(…)` leaves `{endless.param}` at {value if value == 'None' else f'`{value}`'}"
        step = f"`{endless.param}` is left at {value}"
    constant = constant_in_reach(call.fn, endless.api.kind, endless.api.unit, library_of(last.target))
    wanted = f"`{endless.param}={constant.name}`" if constant is not None else f"`{endless.param}=`, in seconds,"
    edits = handed_on(call, endless, ctx.settings.default_timeout)
    return ctx.report(
        call.fn,
        call.index,
        f"{left}: `{last.text}(…)` then waits forever",
        help=f"Pass {wanted} or give it a finite default.",
        trace=(ctx.step(call.fn, call.index, step), *_steps(endless, ctx)),
        fix=ctx.fix("pass a timeout", Safety.UNSAFE, *edits) if edits else None,
    )


def _steps(endless: Endless, ctx: Context) -> Iterator[Step]:
    for call in endless.chain:
        yield ctx.step(call.fn, call.index, f"`{call.text}(…)` is given it")
