"""Methods of clients that a compiler has written, or is going to write before the program runs: which call of a library
each of them is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cancelcheck.model.facts import Iterate

if TYPE_CHECKING:
    from cancelcheck.catalog import schema
    from cancelcheck.link.function import CallSite
    from cancelcheck.link.instances import Instance


def generated_method(call: CallSite, target: str) -> str:
    """The library's call behind a method of a generated client; `target` for any other call, "" where it is not known
    whether the client is an asynchronous one."""
    catalog = call.fn.module.project.catalog
    if call.receiver < 0 or call.member.startswith("_") or (target and catalog.has(target)):
        return target
    instance = call.fn.instance(call.receiver)
    if instance is None:
        return target
    entry = catalog.generated(instance.type)
    if entry is None:
        return target
    streams = _streams(call, instance)
    is_async = _is_async(call, instance, entry)
    if streams is None or is_async is None:
        return ""
    if is_async:
        return entry.async_stream if streams else entry.async_unary
    return entry.stream if streams else entry.unary


def _streams(call: CallSite, instance: Instance) -> bool | None:
    """Whether a method gives many answers, or takes many questions: by the class, else by what it is handed, and what
    is done with them. None: the class has no such method."""
    if instance.view is not None:
        for holder, at in instance.view.attribute_stores.get(call.member, ()):
            value = holder.assigned_value(at)
            made = holder.call_at(value) if value is not None else None
            if made is not None:
                return "stream" in made.member
        return None
    return any(True for _ in _iterations(call)) or _hands_stream(call)


def _hands_stream(call: CallSite) -> bool:
    """Whether a call is handed what a generator gives: many questions, for one answer or for many."""
    given = call.fn.call_at(call.positional[0]) if call.positional else None
    return given is not None and given.callee is not None and given.callee.facts.is_generator


def _is_async(call: CallSite, instance: Instance, entry: schema.Generated) -> bool | None:
    """Whether a client is an asynchronous one: by its channel, else by whether its answer is awaited."""
    kinds = set()
    for origin in instance.origins:
        argument = origin.argument("channel", entry.position)
        channel = origin.fn.instance(argument) if argument is not None and argument >= 0 else None
        kinds.add(channel.catalog_type() if channel is not None else "")
    if kinds and kinds <= {entry.channel, entry.async_channel}:
        return entry.async_channel in kinds if len(kinds) == 1 else None
    if call.is_awaited or any(node.is_async for node in _iterations(call)) or _is_said_async(call):
        return True
    return None if call.fn.is_async else False


_ASYNC = ("aio", "async")


def _is_said_async(call: CallSite) -> bool:
    """Whether the client's name says that it is an asynchronous one: `self.aio_client`."""
    name = call.fn.text(call.receiver).lower()
    return any(word in name for word in _ASYNC)


def _iterations(call: CallSite) -> Iterator[Iterate]:
    """The loops over what a call gives, directly or by a local."""
    fn, use = call.fn, call.use
    places = [use]
    if use.kind == "bound":
        places = [reader.use(at) for reader, at in fn.reads(use.name) if reader is fn]
    for place in places:
        node = fn.nodes[place.node] if place.kind == "iterated" else None
        if isinstance(node, Iterate):
            yield node
