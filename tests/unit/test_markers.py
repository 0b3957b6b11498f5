"""The markers: they cost nothing, and `assert_cancel_safe` names every broken promise at once."""

from __future__ import annotations

import asyncio
import functools
import inspect
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, assert_type

import pytest

from cancelcheck.markers import CancelSafetyError, Promise, assert_cancel_safe, compensable, idempotent, promise, sla


def refund(order: str, amount: int = 0) -> None:
    """A handler that the tests name by `"module:function"` too."""


def copy_of_refund() -> Callable[..., None]:
    def charge(order: str, amount: int = 0) -> None: ...

    return charge


class Refunds:
    """A place for a handler with a dotted path."""

    @staticmethod
    def refund(order: str) -> None: ...


def reasons(function: Callable[..., object], **options: float) -> tuple[str, ...]:
    with pytest.raises(CancelSafetyError) as caught:
        assert_cancel_safe(function, **options)
    return caught.value.reasons


def compensated_by(handler: Any) -> Callable[[Callable[..., object]], Callable[..., object]]:
    return lambda function: sla(timeout=2.0, compensation=handler)(function)


def test_the_same_function_comes_back() -> None:
    async def charge(order: str) -> str:
        return order

    marked = sla(timeout=2.0)(compensable(refund)(idempotent(key="order")(charge)))
    assert marked is charge
    assert inspect.iscoroutinefunction(marked)
    assert asyncio.run(marked("o1")) == "o1"


def test_the_parameters_and_the_result_keep_their_types() -> None:
    @sla(timeout=2.0)
    @compensable(refund)
    @idempotent(key="order")
    def charge(order: str, amount: int = 0) -> bytes:
        return order.encode() * amount

    assert_type(charge("a", amount=2), bytes)
    assert charge("a", 2) == b"aa"
    with pytest.raises(AttributeError):
        charge(1)  # type: ignore[arg-type]


def test_the_markers_are_read_together() -> None:
    @sla(timeout_ms=1500, retries=2)
    @compensable(refund)
    @idempotent(key="order")
    def charge(order: str) -> None: ...

    assert promise(charge) == Promise(timeout=1.5, retries=2, compensations=(refund,), idempotent="order")
    assert_cancel_safe(charge)


def test_a_function_without_markers_has_no_promise() -> None:
    assert promise(refund) is None
    assert len(reasons(refund)) == 3


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [({"timeout": 2}, 2.0), ({"timeout_ms": 800}, 0.8), ({"timeout": timedelta(milliseconds=900)}, 0.9), ({}, None)],
)
def test_timeouts_are_kept_in_seconds(arguments: dict[str, Any], seconds: float | None) -> None:
    declared = promise(sla(**arguments)(copy_of_refund()))
    assert declared is not None
    assert declared.timeout == seconds


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"timeout": 1, "timeout_ms": 1000}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": -1.0}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"timeout_ms": float("nan")}, ValueError),
        ({"retries": -1}, ValueError),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_at_once(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        sla(**arguments)


def test_every_reason_comes_at_once() -> None:
    @sla(timeout_ms=500, retries=3)
    def charge(order: str) -> None: ...

    found = reasons(charge)
    assert len(found) == 3
    assert "500 ms is below the floor of 800 ms" in found[0]
    assert "no compensation" in found[1]
    assert "up to 3 times and not idempotent" in found[2]


def test_the_message_names_the_function_and_each_reason() -> None:
    @sla()
    def charge(order: str) -> None: ...

    with pytest.raises(CancelSafetyError) as caught:
        assert_cancel_safe(charge)
    text = str(caught.value)
    assert "charge` is not cancel-safe" in text
    assert all(reason in text for reason in caught.value.reasons)
    assert "charge" in caught.value.function


def test_the_floor_is_a_parameter_and_is_allowed_itself() -> None:
    @sla(timeout_ms=800, read_only=True)
    def look(order: str) -> None: ...

    assert_cancel_safe(look)
    assert_cancel_safe(look, min_timeout_ms=100)
    assert reasons(look, min_timeout_ms=801) == ("a timeout of 800 ms is below the floor of 801 ms",)


def test_a_read_only_function_needs_neither_compensation_nor_idempotence() -> None:
    @sla(timeout=1, retries=5, read_only=True)
    def look(order: str) -> None: ...

    assert_cancel_safe(look)


@pytest.mark.parametrize("marker", [idempotent, idempotent(), idempotent(key="order")])
def test_a_retried_function_may_be_idempotent_in_every_spelling(marker: Callable[..., Any]) -> None:
    @sla(timeout=1, retries=1, compensation=refund)
    @marker
    def charge(order: str) -> None: ...

    assert_cancel_safe(charge)
    assert_cancel_safe(sla(timeout=1, retries=1, compensation=refund, idempotent=True)(copy_of_refund()))


@pytest.mark.parametrize("reference", [f"{__name__}:refund", f"{__name__}:Refunds.refund"])
def test_a_handler_may_be_named_by_a_string(reference: str) -> None:
    @sla(timeout=1)
    @compensable(reference)
    def charge(order: str) -> None: ...

    assert_cancel_safe(charge)


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("refund", "not of the form `module:function`"),
        (":refund", "not of the form `module:function`"),
        ("no_such_module_at_all:refund", "does not exist: No module named 'no_such_module_at_all'"),
        (f"{__name__}:no_such_function", "does not exist: module"),
        (f"{__name__}:Refunds.no_such_method", "does not exist"),
        (f"{__name__}:__doc__", "cannot be called: it is of type `str`"),
        (42, "cannot be called: it is of type `int`"),
    ],
)
def test_a_handler_that_is_not_there(handler: Any, reason: str) -> None:
    (found,) = reasons(compensated_by(handler)(lambda order: None))
    assert reason in found


@pytest.mark.parametrize(
    ("function", "handler"),
    [
        (lambda order: None, lambda order: None),
        (lambda order: None, lambda order, why="": None),
        (lambda order, amount=1: None, lambda *args, **kwargs: None),
        (lambda order, *, amount: None, lambda order, *, amount, why=None: None),
        (lambda order, *, amount: None, lambda order, amount: None),
        (lambda order, /: None, lambda o, /: None),
        (lambda order, /: None, lambda o: None),
        (lambda *orders: None, lambda *orders: None),
        (lambda **options: None, lambda **options: None),
        (lambda: None, dict),
    ],
)
def test_handlers_that_accept_every_call(function: Callable[..., object], handler: Callable[..., object]) -> None:
    assert_cancel_safe(compensated_by(handler)(function))


@pytest.mark.parametrize(
    ("function", "handler", "refused"),
    [
        (lambda order: None, lambda: None, "(order)"),
        (lambda order: None, lambda order, why: None, "(order)"),
        (lambda order: None, lambda o: None, "(order=…)"),
        (lambda order: None, lambda order, /: None, "(order=…)"),
        (lambda order: None, lambda *, order: None, "(order)"),
        (lambda order, amount=1: None, lambda order: None, "(order, amount)"),
        (lambda order, amount=1: None, lambda order, amount: None, "(order)"),
        (lambda order, amount: None, lambda amount, order: None, "(order, amount=…)"),
        (lambda order, *, amount: None, lambda order: None, "(order, amount=…)"),
        (lambda *orders: None, lambda: None, "(*orders)"),
        (lambda **options: None, lambda: None, "(**options=…)"),
    ],
)
def test_handlers_that_refuse_a_call(
    function: Callable[..., object], handler: Callable[..., object], refused: str
) -> None:
    (found,) = reasons(compensated_by(handler)(function))
    assert "does not accept the same arguments" in found
    assert refused in found


def test_two_handlers_are_one_too_many_unless_they_are_the_same() -> None:
    @sla(timeout=1, compensation=refund)
    @compensable(f"{__name__}:Refunds.refund")
    def charge(order: str) -> None: ...

    (found,) = reasons(charge)
    assert "two compensations" in found
    assert_cancel_safe(sla(timeout=1, compensation=refund)(compensable(refund)(copy_of_refund())))


def test_methods_are_checked_with_self() -> None:
    class Shop:
        def undo(self, order: str) -> None: ...

        @sla(timeout=1)
        @compensable(undo)
        def charge(self, order: str) -> None: ...

        @sla(timeout=1, compensation=refund)
        @staticmethod
        def charge_static(order: str) -> None: ...

        @sla(timeout=1, read_only=True)
        @classmethod
        def look(cls) -> None: ...

    assert_cancel_safe(Shop.charge)
    assert_cancel_safe(Shop().charge)
    assert_cancel_safe(Shop.charge_static)
    assert_cancel_safe(Shop.look)


def test_markers_are_found_through_decorators_that_keep_what_they_wrap() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @logged
    @sla(timeout=1, compensation=refund)
    def charge(order: str) -> None: ...

    assert_cancel_safe(charge)


def test_what_cannot_carry_a_marker_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot carry a marker"):
        sla(timeout=1)(len)


def test_the_module_imports_nothing_beyond_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import cancelcheck.markers; print(*(set(sys.modules) - before))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    imported = {name.partition(".")[0] for name in output.split()} - {"cancelcheck"}
    assert imported <= set(sys.stdlib_module_names)
    assert "inspect" not in imported
