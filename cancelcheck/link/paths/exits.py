"""What a context manager's exit does with a cancellation: whether what it returns is true for one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cancelcheck.link.paths.exceptions import caught_by, is_cancellation_point
from cancelcheck.link.paths.flow import never_returns
from cancelcheck.model.facts import (
    BlockEnd,
    Const,
    Display,
    Enter,
    Name,
    Operation,
    ParamKind,
    Return,
)

if TYPE_CHECKING:
    from cancelcheck.link.function import FunctionView


def swallowing_return(view: FunctionView) -> int:
    """Of an `__aexit__` (or an `__exit__` that async code enters): the first `return` whose value is true when the
    exception is a cancellation; -1 where the exit may let one through.

    Tests of the exception are decided as for a cancellation, all others both ways: every `return` that is left has to
    be true.
    """
    owner = view.owner
    if owner is None or (view.name == "__exit__" and not _entered_in_async(owner)):
        return -1
    found = -1
    seen = {0}
    pending = deque([0])
    while pending:
        at = pending.popleft()
        block = view.blocks[at]
        if any(never_returns(view, index) for index in range(block.start, block.end)):
            continue
        if block.ends is BlockEnd.RETURN:
            index = next((node for node in range(block.start, block.end) if isinstance(view.nodes[node], Return)), -1)
            statement = view.node_at(index)
            if not isinstance(statement, Return) or statement.value < 0 or not _truth(view, statement.value):
                return -1
            found = index if found < 0 else min(found, index)
            continue
        targets = list(block.next)
        test = view.test_of(at)
        if test is not None:
            truth = _truth(view, test.value)
            if truth is not None:
                targets = targets[:1] if truth else targets[-1:]
        for target in targets:
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return found


def _truth(view: FunctionView, index: int) -> bool | None:
    """Whether a value of an exit is true when the exception is a cancellation; None where that is not known."""
    node = view.nodes[index]
    if isinstance(node, Const):
        return bool(node.value) if node.value is not None or node.kind == "none" else None
    if isinstance(node, Name):
        return True if _is_exception(view, index) else None
    if isinstance(node, Operation):
        return _truth_of_operation(view, node)
    call = view.call_at(index)
    if call is None:
        return None
    if call.target == "builtins.bool" and len(call.positional) == 1:
        return _truth(view, call.positional[0])
    if call.target in ("builtins.isinstance", "builtins.issubclass") and len(call.positional) == 2:
        subject, types = call.positional
        return _catches(view, types, broad=True) if _is_exception(view, subject) else None
    return None


def _truth_of_operation(view: FunctionView, node: Operation) -> bool | None:
    if node.op == "not":
        inner = _truth(view, node.operands[0])
        return None if inner is None else not inner
    if node.op in ("and", "or"):
        parts = [_truth(view, operand) for operand in node.operands]
        ends = node.op == "or"
        return ends if ends in parts else None if None in parts else not ends
    if node.op == "if":
        test, *branches = (_truth(view, operand) for operand in node.operands)
        if test is not None:
            return branches[0] if test else branches[1]
        return branches[0] if branches[0] == branches[1] else None
    if len(node.operands) != 2 or node.op not in ("is", "is not", "==", "!=", "in", "not in"):
        return None
    left, right = node.operands
    if not _is_exception(view, left):
        return None
    other = view.nodes[right]
    same: bool | None
    if isinstance(other, Const) and other.kind == "none":
        same = False
    elif node.op.endswith("in") and not isinstance(other, Display):
        same = None
    else:
        same = _catches(view, right, broad=False)
    return same if same is None or node.op in ("is", "==", "in") else not same


def _catches(view: FunctionView, types: int, *, broad: bool) -> bool | None:
    """Whether exception types mean a cancellation, by a base class too where `broad`."""
    catch = caught_by(view, [types])
    if any(entry.framework != "threads" for entry in catch.named) or (catch.broad and broad):
        return True
    return None if catch.unknown else False


def _is_exception(view: FunctionView, index: int) -> bool:
    """Whether a node reads the exception's type or the exception, as the exit was given them."""
    node = view.nodes[index]
    given = [param for param in view.facts.params[1:3] if param.kind in (ParamKind.POSITIONAL_ONLY, ParamKind.PLAIN)]
    return (
        isinstance(node, Name)
        and any(param.name == node.id for param in given)
        and view.facts.bound.get(node.id) == [-1]
    )


def _entered_in_async(owner: FunctionView) -> bool:
    """Whether async code of this module enters the class with a plain `with`, around a cancellation point."""
    if owner.inherited("__aexit__") is not None:
        return True
    for user in owner.module.functions:
        if not user.is_async:
            continue
        for node in user.nodes:
            if isinstance(node, Enter):
                instance = user.instance(node.context)
                inside = user.nodes_in(node.region) if instance is not None and instance.view is owner else ()
                if any(is_cancellation_point(user, at) for at in inside):
                    return True
    return False
