"""What a function promises about cancellation, said where the function is.

    from cancelcheck.markers import assert_cancel_safe, compensable, idempotent, sla

    @sla(timeout=2.0, retries=2)
    @compensable(refund)
    @idempotent(key="order_id")
    async def charge(order): ...

    assert_cancel_safe(charge)

The decorators write the promise on the function and give the same function back: a call costs what it cost before.
`cancelcheck` reads them from the source; `assert_cancel_safe` reads them at import or test time. This module imports
nothing but the standard library, and little of that, so that production code can afford it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast, overload

if TYPE_CHECKING:
    from datetime import timedelta
    from inspect import Signature

__all__ = ["CancelSafetyError", "Promise", "assert_cancel_safe", "compensable", "idempotent", "promise", "sla"]

P = ParamSpec("P")
R = TypeVar("R")

Handler = Callable[..., object]

_SLA = "__cancelcheck_sla__"
_COMPENSATION = "__cancelcheck_compensation__"
_IDEMPOTENT = "__cancelcheck_idempotent__"


class Promise(NamedTuple):
    """What the markers on a function say together.

    `timeout` is in seconds, None where none is declared. `retries` counts the attempts after the first. `compensations`
    are the handlers in the order in which they were declared (more than one is a mistake that `assert_cancel_safe`
    names), each a callable or a `"module:function"`. `idempotent` is the key where one is given, else a plain yes or
    no.
    """

    timeout: float | None = None
    retries: int = 0
    compensations: tuple[Handler | str, ...] = ()
    idempotent: bool | str = False
    read_only: bool = False


class CancelSafetyError(AssertionError):
    """A function does not keep what its markers promise. `function` is its name, `reasons` every reason found."""

    def __init__(self, function: str, reasons: tuple[str, ...]) -> None:
        super().__init__(function, reasons)
        self.function = function
        self.reasons = reasons

    def __str__(self) -> str:
        return "\n".join((f"`{self.function}` is not cancel-safe:", *(f"  - {reason}" for reason in self.reasons)))


def sla(
    *,
    timeout: float | timedelta | None = None,
    timeout_ms: float | None = None,
    retries: int = 0,
    compensation: Handler | str | None = None,
    idempotent: bool | str = False,
    read_only: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare that the function answers within `timeout` seconds (or a `timedelta`), or `timeout_ms` milliseconds.

    `retries` is how often the function is called again after a failure. `compensation` undoes a cancelled call: a
    callable that takes the same arguments, or its `"module:function"`. `idempotent` says that a second call with the
    same arguments does no harm; a text names the key that makes it so. `read_only` says that there is nothing to undo.

    Raises TypeError where both timeouts are given, ValueError where a number cannot be what it says.
    """
    if timeout is not None and timeout_ms is not None:
        raise TypeError("sla() takes `timeout` or `timeout_ms`, not both")
    seconds = None
    if timeout is not None:
        seconds = float(timeout) if isinstance(timeout, (int, float)) else timeout.total_seconds()
    elif timeout_ms is not None:
        seconds = timeout_ms / 1000
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"sla(): a timeout of {seconds} s promises nothing: it has to be finite and above 0")
    if retries < 0:
        raise ValueError(f"sla(): {retries} retries: there cannot be fewer than 0")
    declared = Promise(
        timeout=seconds,
        retries=retries,
        compensations=() if compensation is None else (compensation,),
        idempotent=idempotent,
        read_only=read_only,
    )
    return _setter(_SLA, declared)


def compensable(handler: Handler | str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare that `handler`, called with the same arguments, undoes a cancelled call.

    `handler` is a callable, or `"module:function"` where the name would import in a circle. It may accept more than the
    function does, so its type is checked by `assert_cancel_safe`, not here.
    """
    return _setter(_COMPENSATION, handler)


@overload
def idempotent(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def idempotent(*, key: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def idempotent(function: Callable[..., Any] | None = None, /, *, key: str | None = None) -> Any:
    """Declare that calling the function again with the same arguments does no harm; `key` names what makes it so."""
    mark: Callable[[Callable[..., Any]], Callable[..., Any]] = _setter(_IDEMPOTENT, True if key is None else key)
    return mark if function is None else mark(function)


def promise(function: Callable[..., object]) -> Promise | None:
    """What the markers on `function` say together, None where it has none.

    Looks through decorators that keep `__wrapped__`, as `functools.wraps` does, and through bound methods.
    """
    declared = _declared(function, _SLA)
    handler = _declared(function, _COMPENSATION)
    key = _declared(function, _IDEMPOTENT)
    if declared is handler is key is None:
        return None
    result = cast(Promise, declared) if declared is not None else Promise()
    if handler is not None:
        result = result._replace(compensations=(*result.compensations, cast("Handler | str", handler)))
    if key is not None:
        result = result._replace(idempotent=cast("bool | str", key))
    return result


def assert_cancel_safe(function: Callable[..., object], *, min_timeout_ms: float = 800.0) -> None:
    """Check what the markers on `function` promise, at import or in a test.

    The timeout has to be declared, and at least `min_timeout_ms` milliseconds; a compensation has to be declared, exist
    and accept every call that `function` accepts, unless the function is read-only; a retried one has to be idempotent,
    unless it is read-only. Raises `CancelSafetyError` with every reason at once.
    """
    reasons = tuple(_reasons(function, promise(function), min_timeout_ms))
    if reasons:
        raise CancelSafetyError(_name(function), reasons)


def _reasons(function: Callable[..., object], declared: Promise | None, min_timeout_ms: float) -> Iterator[str]:
    if declared is None:
        declared = Promise()
        yield "it has no marker of `cancelcheck.markers` (a decorator above them may have dropped it)"
    if declared.timeout is None:
        yield "no timeout: declare one with `@sla(timeout=…)`"
    elif declared.timeout * 1000 < min_timeout_ms:
        yield f"a timeout of {declared.timeout * 1000:g} ms is below the floor of {min_timeout_ms:g} ms"
    if declared.read_only:
        return
    yield from _compensation_reasons(function, declared.compensations)
    if declared.retries and not declared.idempotent:
        yield f"called again up to {declared.retries} times and not idempotent: declare it with `@idempotent(key=…)`"


def _compensation_reasons(function: Callable[..., object], handlers: tuple[Handler | str, ...]) -> Iterator[str]:
    if not handlers:
        yield "no compensation: declare one with `@compensable(handler)`, or `@sla(read_only=True)`"
    elif len({handler if isinstance(handler, str) else id(handler) for handler in handlers}) > 1:
        yield f"two compensations: {' and '.join(f'`{_name(handler)}`' for handler in handlers)}"
    for handler in handlers[:1]:
        if isinstance(handler, str):
            found, problem = _resolve(handler)
            if problem:
                yield f"compensation `{handler}` {problem}"
                continue
        else:
            found = handler
        if not callable(found):
            yield f"compensation `{_name(found)}` cannot be called: it is of type `{type(found).__name__}`"
            continue
        refused = _refused_call(function, found)
        if refused:
            yield f"compensation `{_name(handler)}` does not accept the same arguments: {refused}"


def _resolve(reference: str) -> tuple[object, str]:
    """What `"module:function"` names, and what is wrong with it, empty if nothing is."""
    import importlib

    module, colon, path = reference.partition(":")
    if not (module and colon and path):
        return None, "is not of the form `module:function`"
    try:
        found: object = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        return None, f"does not exist: {error}"
    return found, ""


def _refused_call(function: Callable[..., object], handler: Handler) -> str:
    """A call that `function` accepts and `handler` does not, with the reason; empty if there is none.

    The handler gets `*args` and `**kwargs` as they came. So each way of passing the arguments is tried: the first `k`
    by position and the others by keyword, all of them or only the required ones.
    """
    import inspect

    # A bound method's marker was written in the class body, where the handler takes `self` as well.
    function = getattr(function, "__func__", function)
    try:
        given, accepted = inspect.signature(function), inspect.signature(handler)
    except (TypeError, ValueError):
        # Some built-in callables tell no signature. Unknown is not a mistake.
        return ""
    for args, kwargs in _calls(given):
        try:
            accepted.bind(*args, **kwargs)
        except TypeError as error:
            shown = ", ".join((*args, *(f"{name}=…" for name in kwargs)))
            return f"`({shown})`: {error}"
    return ""


def _calls(signature: Signature) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The ways to call something with this signature. The arguments stand in for themselves by their names."""
    parameters = list(signature.parameters.values())
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_keyword = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    only_position = sum(p.kind is p.POSITIONAL_ONLY for p in by_position)
    for required in (False, True):
        positional = [p for p in by_position if not required or p.default is p.empty]
        keywords = {p.name: p.name for p in by_keyword if not required or p.default is p.empty}
        for count in range(len(positional), min(only_position, len(positional)) - 1, -1):
            args = [p.name for p in positional[:count]]
            yield args, {**{p.name: p.name for p in positional[count:]}, **keywords}
    everything = [p.name for p in by_position]
    required_keywords = {p.name: p.name for p in by_keyword if p.default is p.empty}
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield [*everything, f"*{parameter.name}"], required_keywords
        elif parameter.kind is parameter.VAR_KEYWORD:
            yield everything, {**required_keywords, f"**{parameter.name}": parameter.name}


def _setter(attribute: str, value: object) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that sets one attribute, and gives back what it was given."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        # Of a staticmethod or classmethod only the function within survives the look-up on the class.
        target = getattr(function, "__func__", function)
        try:
            setattr(target, attribute, value)
        except (AttributeError, TypeError) as error:
            raise TypeError(f"`{_name(function)}` cannot carry a marker: {error}") from None
        return function

    return mark


def _declared(function: object, attribute: str) -> object:
    """The attribute's value on the function, or on what it wraps; None where there is none."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        value: object = getattr(function, attribute, None)
        if value is not None:
            return value
        seen.add(id(function))
        function = getattr(function, "__wrapped__", None)
    return None


def _name(thing: object) -> str:
    return thing if isinstance(thing, str) else getattr(thing, "__qualname__", None) or repr(thing)
