"""A timeout that is there and means "never".

## Why
A timeout of `None` reads like a setting and is the lack of one: the library's own default, where it has one, is
switched off too. Where the call is, nobody sees it.

```python bad
import httpx

TIMEOUT = None

def balance(account):
    return httpx.get(f"https://bank.example/{account}", timeout=TIMEOUT).json()
```

```python good
import httpx

def balance(account):
    return httpx.get(f"https://bank.example/{account}", timeout=httpx.Timeout(5, read=30)).json()
```

## Fix safety
Unsafe: what took longer before now fails. The endless value, or the endless part of it, is replaced where it stands at
the call, by what the setting `default-timeout` says: a number of seconds, or the name of a value to import. Left alone
are a constant, for others may count on it, a scope, for what is to happen at its end nobody has written, and a `None`
that somebody chose.

## Known limits
A `None` that is written at the call itself (`wait_for(done, None)`, `timeout=None`), or a constant whose name says so
(`NO_TIMEOUT`), is an opt-out that somebody chose, and so is a timeout object of nothing (`ClientTimeout()`): reported
with `--strict` only. Not so zero, a negative number or infinity, one endless part of several, a scope that has nothing
to do but to bound its block (`asyncio.timeout(None)` that nobody reschedules), and the None of an HTTP request that
waits forever by default (`requests.get(url, timeout=None)`): that opts out of nothing, and leaves it as it was.
A client whose every call in sight has a timeout of its own is left alone. In a timeout object one finite phase is
enough; one that bounds the connection alone is reported with `--strict`, and so is a consumer of a broker, which may
wait by design. Waits on threads, queues and processes are not
judged here: there `None` is how one says "block".
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.catalog.schema import Entering, Kind, ScopeKind
from cancelcheck.catalog.schema import Value as Endless
from cancelcheck.link import CallSite, Context, FunctionView
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.promises.relaying import is_unrelayed
from cancelcheck.link.timeouts.advice import constant_in_reach, library_of, spelled
from cancelcheck.link.timeouts.giving import PLAIN, replaced
from cancelcheck.link.timeouts.passing import endless_calls, timed_calls
from cancelcheck.link.timeouts.waits import NETWORK, Verdict, client_of, every_call_timed, given, judge
from cancelcheck.link.values import Bound, Value, ValueKind, bound_of, bound_of_answer, evaluate
from cancelcheck.model.edit import Fix, Safety
from cancelcheck.model.facts import Attr, Const, Define, Display, Enter, FunctionKind, Lambda, Name, Store
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each timeout that disables itself, once where it is written."""
    for call in timed_calls(fn):
        if is_unrelayed(call):
            continue  # the caller's time is not handed on: that is said there
        if _connects_only(call, ctx):
            yield ctx.report(
                fn,
                call.index,
                f"`{fn.text(call.index)}` bounds the connection and not the answer: a silent peer is waited for",
                help="Bound the reading too, or the whole.",
                strict=True,
            )
            continue
        value = _disabled(call, ctx)
        if value is None or (value.kind is ValueKind.OBJECT and value.call is not call):
            continue  # an object is reported where it is made
        elsewhere = value.view is not fn or value.node not in set(fn.operands_within(call.index))
        if not _is_first(value, call, ctx):
            continue
        text = spelled(value)
        yield ctx.report(
            fn,
            call.index,
            f"`{call.text}(…)` has a timeout that never ends{f' (`{text}`)' if elsewhere else ''}: it can wait forever",
            help=_help(call, ctx),
            trace=(ctx.step(value.view, value.node, f"`{text}` means no limit"),) if elsewhere else (),
            fix=_fix(value, call, ctx),
            strict=_is_consumer(call, ctx) or _is_chosen(value, call),
        )


def _fix(value: Value, call: CallSite, ctx: Context) -> Fix | None:
    if ctx.catalog.scope(call.target) is not None or _is_chosen(value, call):
        return None  # what is to happen at its end, nobody has written; it is an opt-out
    endless = next((found.api for found in endless_calls(call) if found.value == value), None)
    entry = ctx.catalog.api(call.target) or client_of(call) or endless
    if entry is None and value.kind is not ValueKind.OBJECT:
        return None
    edits = replaced(call, value, entry or PLAIN, ctx.settings.default_timeout)
    return ctx.fix("give it an end", Safety.UNSAFE, *edits) if edits else None


def _is_consumer(call: CallSite, ctx: Context) -> bool:
    """Whether a call asks a broker, itself or through the project's own functions: who consumes may wait by design."""
    api = ctx.catalog.api(call.target)
    if api is not None:
        return api.kind is Kind.BROKER
    return any(found.given and found.api.kind is Kind.BROKER for found in endless_calls(call))


def _help(call: CallSite, ctx: Context) -> str:
    entry = ctx.catalog.api(call.target) or client_of(call)
    constant = constant_in_reach(call.fn, entry.kind, entry.unit, library_of(call.target)) if entry else None
    if constant is None:
        return "Give it a finite timeout."
    return f"Give it a finite timeout: `{constant.name}` is {constant.number:g}."


def _is_chosen(value: Value, call: CallSite) -> bool:
    """Whether it is said at the call that there is no limit: by a plain None, alone or as an argument of a timeout
    object, by such an object of nothing, or by the name of what it is given."""
    if value.kind not in (ValueKind.NONE, ValueKind.OBJECT):
        return False
    arguments = [argument.value for argument in call.node.args]
    plain = any(isinstance(node := call.fn.nodes[at], Const) and node.kind == "none" for at in arguments)
    if value.kind is ValueKind.OBJECT:
        # whoever makes one and gives it nothing wants none, too
        return plain or not arguments
    if value.view is call.fn and value.node in arguments:
        # a scope that is only there to bound its block is written for nothing; so is what the library does by default
        scope = call.fn.module.project.catalog.scope(call.target)
        api = call.fn.module.project.catalog.api(call.target)
        if api is not None and api.kind is Kind.HTTP and api.default == "none":
            return False
        return scope is None or scope.entering is Entering.AWAIT
    names = [call.fn.text(at).lower() for at in arguments if isinstance(call.fn.nodes[at], (Name, Attr))]
    return any(word in name for name in names for word in _SAID)


_SAID = ("no_timeout", "notimeout", "never", "forever", "infinite", "unlimited", "disable", "no_limit")
"""Words of a name that says that there is no limit."""


def _connects_only(call: CallSite, ctx: Context) -> bool:
    """Whether a call makes a timeout object that bounds something, and not the wait for an answer."""
    if ctx.catalog.timeout_object(call.target) is None or is_bounded(call.fn, call.index):
        return False
    whole = bound_of(evaluate(call.fn, call.index), (Endless.NONE,))
    return whole is Bound.FINITE and bound_of_answer(call) is Bound.FOREVER


def _disabled(call: CallSite, ctx: Context) -> Value | None:
    """The endless timeout that a call is given, or makes."""
    if ctx.catalog.timeout_object(call.target) is not None:
        return _endless_object(call, ctx)
    api = ctx.catalog.api(call.target)
    if api is not None and api.kind in NETWORK:
        wait = judge(call, api)
        return wait.value if wait.verdict is Verdict.DISABLED else None
    client = client_of(call)
    if client is not None and (client.kind is None or client.kind in NETWORK):
        own = given(call, client.timeout, client.timeout_position, client.forever)
        if own is None or own.verdict is not Verdict.DISABLED or every_call_timed(call):
            return None
        return own.value
    scope = ctx.catalog.scope(call.target)
    if scope is None:
        told = (found for found in endless_calls(call) if found.given and found.api.kind in NETWORK)
        return next((found.value for found in told), None)
    if scope.kind is not ScopeKind.TIMEOUT:
        return None
    argument = call.argument(scope.timeout, scope.timeout_position)
    if argument is None or argument < 0:
        return None
    value = evaluate(call.fn, argument)
    if bound_of(value, scope.forever) is not Bound.FOREVER or value.kind is ValueKind.OBJECT:
        return None
    if scope.reschedulable and _is_rescheduled(call):
        return None
    if is_bounded(call.fn, call.index):
        return None  # a scope further out ends it
    return value


def _endless_object(call: CallSite, ctx: Context) -> Value | None:
    """A timeout object that bounds nothing, unless what it is handed to is bounded in another way."""
    value = evaluate(call.fn, call.index)
    if bound_of(value, (Endless.NONE,)) is not Bound.FOREVER:
        return None
    use = call.use
    user = call.fn.nodes[use.node] if use.node >= 0 else None
    if isinstance(user, (Define, Lambda)) or (isinstance(user, Display) and user.kind == "dict"):
        return None  # a parameter's default: the callers decide; an option among others: whoever takes it out
    consumer = call.fn.call_at(use.node) if use.kind == "argument" else None
    if consumer is not None:
        api = ctx.catalog.api(consumer.target)
        if api is not None and judge(consumer, api).verdict is not Verdict.DISABLED:
            return None
        if ctx.catalog.client(consumer.target) is not None and every_call_timed(consumer):
            return None
    return value


def _is_rescheduled(call: CallSite) -> bool:
    """Whether a deadline can be set later: the scope is kept under a name by which more is done than to look at it."""
    fn, use = call.fn, call.use
    if use.kind != "entered":
        return use.kind != "dropped"
    enter = fn.nodes[use.node]
    target = fn.nodes[enter.target] if isinstance(enter, Enter) and enter.target >= 0 else None
    if target is None:
        return False
    if not isinstance(target, Store) or fn.facts.kind is not FunctionKind.DEF:
        return True
    return not all(
        isinstance(member := reader.nodes[reader.use(at).node], Attr) and member.attr in _LOOKS
        for reader, at in fn.reads(target.id)
    )


_LOOKS = ("expired", "when", "cancelled_caught")
"""Members of a scope that tell what became of it, and change nothing."""


def _is_first(value: Value, call: CallSite, ctx: Context) -> bool:
    """Whether this is the first call of the file that is given this constant: it is reported once."""
    return not any(
        (view is not call.fn or other.index < call.index)
        and (found := _disabled(other, ctx)) is not None
        and found.view is value.view
        and found.node == value.node
        for view in call.fn.module.functions[: call.fn.index + 1]
        for other in view.calls
    )


RULE = Rule(
    code="CAN402",
    name="timeout-disabled",
    family=Family.TIMEOUT,
    default=Default.ON,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.TIMED,
)
