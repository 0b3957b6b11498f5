"""A client that does one errand, with no end.

## Why
Mail, FTP, SSH, LDAP, XML-RPC, a websocket's handshake: the caller goes somewhere, does one thing and comes back. The
libraries for it wait forever unless they are told otherwise, and a peer that hangs keeps the caller for good.

```python bad
import smtplib

def send(message):
    with smtplib.SMTP("mail.example") as server:
        server.send_message(message)
```

```python good
import smtplib

def send(message):
    with smtplib.SMTP("mail.example", timeout=10) as server:
        server.send_message(message)
```

## Fix safety
Unsafe: what took longer before now fails. The timeout is what the setting `default-timeout` says, a number of seconds
or the name of a value to import, in the form and unit that the library takes; where that is a number, a constant of the
project whose name says that it is one for such calls goes before it.

## Known limits
Sockets and streams are reported with `--strict` only: they often stand in a loop that waits by design; so is what is
done on a connection that stands. A socket is reported where it first waits, if it is seen how it was made and that
nobody sets its timeout after that; one that is handed to code which is not seen is left alone. The accept and read
loops of a server are left alone, unless a handler around them catches a timeout: whoever wrote it counts on one that
never comes. So is what a stream of the project's own does in its `read` or `send`: how long is for those who call it to
say.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Kind
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.contexts.forwarding import speaks_at
from cancelcheck.link.paths.exceptions import expects_timeout
from cancelcheck.link.paths.scopes import is_bounded_instead
from cancelcheck.link.promises.serving import handles_connection
from cancelcheck.link.timeouts.advice import library_of, timeout_to_pass
from cancelcheck.link.timeouts.connecting import is_on_this_machine, open_wait
from cancelcheck.link.timeouts.giving import passed
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.telling import earlier_waits
from cancelcheck.link.timeouts.wrappers import left_endless
from cancelcheck.model.edit import Safety
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule

_ERRANDS = frozenset({Kind.MAIL, Kind.REMOTE})
_STREAMS = frozenset({Kind.SOCKET, Kind.DNS})

_CONNECTS = frozenset({"connect", "open", "login", "start_client"})
"""Methods by which an errand begins; what is done on a connection that stands is worth a look."""


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each errand without an end, and each wait on a stream that nothing bounds."""
    for call in timed_calls(fn):
        if speaks_at(call):
            continue  # the caller's own timeout is not passed: that is said there
        found = open_wait(call)
        if found is not None:
            kind = found.entry.kind
            if kind in _ERRANDS or (kind in _STREAMS and _is_worth_a_look(call) and not _is_told_before(call)):
                edits = passed(call, found.entry, ctx.settings.default_timeout)
                yield ctx.report(
                    fn,
                    call.index,
                    f"`{call.text}(…)` has no timeout: {library_of(call.target)} waits forever by default",
                    help=timeout_to_pass(call, found.entry),
                    fix=ctx.fix("pass a timeout", Safety.UNSAFE, *edits) if edits else None,
                    strict=kind in _STREAMS
                    or (found.what == "command" and call.member not in _CONNECTS)
                    or is_on_this_machine(call)
                    or fn.module.is_harness,
                )
            continue
        endless = next((at for at in endless_calls(call) if at.api.kind in _ERRANDS and not at.given), None)
        if endless is not None:
            yield left_endless(call, endless, ctx)


def _is_worth_a_look(call: CallSite) -> bool:
    """Whether a wait on a socket or a stream is one that its author may not have meant: not by design, not what a
    stream of the project's own passes on, nor where a setting decides whether it is bounded."""
    return not _waits_by_design(call) and not _is_stream_itself(call) and not is_bounded_instead(call)


def _is_told_before(call: CallSite) -> bool:
    """Whether an earlier wait on the same socket is reported: a socket that is given no time is one defect."""
    return any(open_wait(earlier) is not None and _is_worth_a_look(earlier) for earlier in earlier_waits(call))


_TRANSFERS = frozenset({"read", "readline", "readexactly", "receive", "recv", "send", "send_all", "sendall", "write"})


def _is_stream_itself(call: CallSite) -> bool:
    """Whether a method that reads or writes does so on what its object wraps: how long is for those who call it to
    say."""
    return (
        call.fn.owner is not None and call.fn.name.strip("_") in _TRANSFERS and not expects_timeout(call.fn, call.index)
    )


def _waits_by_design(call: CallSite) -> bool:
    """Whether a wait on a stream stands in a server's own loop, and nobody there counts on a timeout."""
    if expects_timeout(call.fn, call.index):
        return False
    return next(call.fn.loops_around(call.index), -1) >= 0 or handles_connection(call.fn)


RULE = Rule(
    code="CAN408",
    name="network-wait-without-timeout",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TIMED,
)
