"""Which calls hold up the thread that makes them, and for how long at most: long, or for a moment."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from cancelcheck.catalog import schema
from cancelcheck.catalog.words import PROBES, REPOSITORY
from cancelcheck.link.loops.polling import is_poll, not_yet_handler
from cancelcheck.link.paths.exceptions import exception_types, handlers, protected
from cancelcheck.link.timeouts.connecting import is_on_this_machine
from cancelcheck.link.timeouts.waits import asks_nobody
from cancelcheck.link.values import Value, ValueKind, evaluate
from cancelcheck.model.facts import Assign, Attr, Await, Const, Display, Enter, Name, Operation, StoreAttr, Yield

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance


class Hold(enum.StrEnum):
    """How long a call can hold up its thread."""

    LONG = "long"
    """For as long as somebody else takes: a peer, a process, another thread, a person, or the time that it sleeps."""
    SHORT = "short"
    """For a moment as a rule: a disk, a lock, a buffer that is full."""


_SHORT_KINDS = frozenset({schema.Kind.FILE})

_ELSEWHERE = frozenset(
    {
        schema.Kind.HTTP,
        schema.Kind.RPC,
        schema.Kind.DB,
        schema.Kind.CACHE,
        schema.Kind.BROKER,
        schema.Kind.CLOUD,
        schema.Kind.MAIL,
        schema.Kind.REMOTE,
    }
)
"""Kinds of calls that ask another machine each time, whatever the function did before (`cache.set`, `cache.get`)."""


def hold_of(call: CallSite) -> Hold | None:
    """How long a call of the catalogue can hold up its thread; None for any other call, and for one that only asks."""
    catalog = call.fn.module.project.catalog
    api = catalog.api(call.target)
    if api is None or api.mode is not schema.Mode.SYNC or call.is_waited_on or _only_asks(call, api):
        return None
    if _is_awaited_later(call):
        return None  # it is another one, of the same name
    if (
        api.kind in _SHORT_KINDS
        or api.local
        or (api.kind is schema.Kind.BROKER and api.default == 0 and not api.timeout)
    ):
        return Hold.SHORT  # what is handed to a broker is not waited for
    owner = call.target.rpartition(".")[0]
    if catalog.lock(owner) is not None and call.member == "acquire":
        return Hold.SHORT
    if api.kind not in _ELSEWHERE and was_asked_before(call):
        return None
    if (api.kind is schema.Kind.HTTP or api.kind not in _ELSEWHERE) and _is_blink(call, api):
        return Hold.SHORT
    match api.kind:
        case schema.Kind.QUEUE if call.member == "put":
            return _of_put(call)
        case schema.Kind.SOCKET if catalog.knows_type(owner):
            return _of_socket(call)
        case schema.Kind.THREAD if _awaits_before(call) or _is_own_future(call) or _stops_loop_before(call):
            return Hold.SHORT  # it is told of the end before it waits for it, or sees to that itself
        case schema.Kind.SUBPROCESS if was_ended_before(call) or _is_brief_program(call):
            return Hold.SHORT
    return Hold.LONG


def _is_awaited_later(call: CallSite) -> bool:
    """Whether what a call returns is kept in a local that is awaited: no call that blocks gives such a thing."""
    fn, use = call.fn, call.use
    return use.kind == "bound" and any(
        reader is fn and fn.use(at).kind == "awaited" for reader, at in fn.reads(use.name)
    )


def _only_asks(call: CallSite, api: schema.Api) -> bool:
    """Whether a call has a form that does not wait, or is given no time to."""
    catalog = call.fn.module.project.catalog
    for entry in catalog.polls(call.target):
        if is_poll(call, entry) and (not entry.named or not_yet_handler(call.fn, call.index, entry) is not None):
            return True
    if asks_nobody(call, api):
        return True
    if api.kind is schema.Kind.DNS and _is_given_address(call):
        return True
    argument = call.argument(api.timeout, api.timeout_position)
    if argument is None or argument < 0:
        return False
    value = evaluate(call.fn, argument)
    return value.kind is ValueKind.NUMBER and value.number == 0 and api.zero is not schema.Zero.FOREVER


def _is_given_address(call: CallSite) -> bool:
    """Whether the host that is looked up is written out of something that is no text: an address has no name to look
    up (`str(ip)`)."""
    made = call.fn.call_at(call.positional[0]) if call.positional else None
    return made is not None and made.target == "builtins.str"


BLINK = 0.01
"""Seconds of a sleep that holds nobody up."""

MOMENT = 0.25
"""Seconds of a wait for something that may be there at once, which holds nobody up for long."""

_UNITS = {schema.Unit.SECONDS: 1.0, schema.Unit.MILLISECONDS: 1e-3, schema.Unit.MICROSECONDS: 1e-6}


def _is_blink(call: CallSite, api: schema.Api) -> bool:
    argument = call.argument(api.timeout, api.timeout_position)
    value = _as_left(call.fn, argument) if argument is not None and argument >= 0 else None
    if value is None or value.kind is not ValueKind.NUMBER:
        return False
    return 0 < value.number * _UNITS[api.unit] <= (BLINK if api.kind is schema.Kind.SLEEP else MOMENT)


def _as_left(fn: FunctionView, index: int) -> Value:
    """The value of an argument; of a parameter that is handed on, what it is where a caller leaves it."""
    node = fn.nodes[index]
    if isinstance(node, Name) and fn.parent is not None and fn.bindings(node.id).scope is fn:
        for param in fn.facts.params:
            if param.name == node.id and param.default >= 0:
                return evaluate(fn.parent, param.default)
    return evaluate(fn, index)


def was_asked_before(call: CallSite) -> bool:
    """Whether the function has asked before it waits: `future.done()`, `queue.empty()`, `process.poll()` on the same
    thing; or has put there itself what it takes."""
    return _asks(call.fn, _place(call), call.index)


def _place(call: CallSite) -> str:
    """The place of what a method is called on; "" where that is a module, or no plain place."""
    fn = call.fn
    return fn.key(call.receiver) if call.receiver >= 0 and not fn.path_of(call.receiver) else ""


def asked_on_the_way(chain: tuple[CallSite, ...]) -> bool:
    """The same for what a chain ends in, by a caller on the same object."""
    last = chain[-1]
    key = _place(last)
    if not key.startswith(f"{last.fn.self_name}."):
        return False
    if any(at.fn.owner is last.fn.owner and _asks(at.fn, key, at.index) for at in chain[:-1]):
        return True
    return len(chain) > 1 and _asks_by_method(chain[-2], key)


def _asks_by_method(call: CallSite, key: str) -> bool:
    """Whether the same object was asked before a method of it is called, by another method that asks at this place:
    `jobs.empty()` before `jobs.get()`, of a class that keeps a queue."""
    return any(
        earlier.index < call.index and (callee := earlier.callee) is not None and _asks(callee, key, len(callee.nodes))
        for earlier in call.fn.calls_on.get(_place(call), ())
    )


def _asks(fn: FunctionView, key: str, until: int, hops: int = 1) -> bool:
    """Whether a function asks at a place before it comes to a node, itself or by a method of the same object."""
    catalog = fn.module.project.catalog
    if any(
        earlier.index < until
        and (earlier.member in _PUTS or any(entry.state for entry in catalog.polls(earlier.target)))
        for earlier in fn.calls_on.get(key, ())
    ):
        return True
    if hops <= 0 or not key.startswith(f"{fn.self_name}."):
        return False
    return any(
        earlier.index < until
        and (callee := earlier.callee) is not None
        and _asks(callee, key, len(callee.nodes), hops - 1)
        for earlier in fn.calls_on.get(fn.self_name, ())
    )


_PUTS = frozenset({"put", "put_nowait", "set_result", "set"})
"""Methods after which what they are called on has something to give."""


def _awaits_before(call: CallSite) -> bool:
    """Whether the function has awaited something before, or was left alone with what it gave: the event, say, that
    the thread sets at its end, or the last thing that it made."""
    return any(isinstance(node, (Await, Yield)) for node in call.fn.nodes[: call.index])


def stands_still(call: CallSite) -> bool:
    """Whether a thread says that it waits before it does: `ready.set()`, then `done.wait()` of an event of the same
    kind. It is meant to stand still."""
    fn = call.fn
    owner, _, member = call.target.rpartition(".")
    told = [earlier.index for earlier in fn.calls if earlier.index < call.index and earlier.target == f"{owner}.set"]
    if member != "wait" or call.node.args or not told:
        return False
    same = fn.region_of(told[-1]) == fn.region_of(call.index)
    return same and not any(isinstance(node, Await) for node in fn.nodes[told[-1] : call.index])


def was_awaited_before(call: CallSite) -> bool:
    """Whether what a call waits for was awaited before, by another method of that name: `await done.wait()`, and then
    `self.wait()` for what came of it."""
    fn = call.fn
    return call.member in _WAITS and any(
        isinstance(node, Await) and (made := fn.call_at(node.value)) is not None and made.member == call.member
        for node in fn.nodes[: call.index]
    )


_WAITS = frozenset({"wait", "join", "result"})


def _stops_loop_before(call: CallSite) -> bool:
    """Whether a thread is joined after the loop that it runs was told to stop."""
    return call.member == "join" and any(
        earlier.index < call.index and _stops_loop(earlier) for earlier in call.fn.calls
    )


def _is_own_future(call: CallSite) -> bool:
    """Whether a future is asked that is of a class of the project: no pool made it, so that the project sets it."""
    instance = call.called_on if call.member in ("result", "exception") else None
    return instance is not None and instance.view is not None


_AT_ONCE = frozenset({"--version", "-version", "--help", "taskkill"})
"""Arguments of programs that answer, or do what they are told, and end."""

_BRIEF = _AT_ONCE | {"kill", "rev-parse", "status", "where", "which"}
"""The same, and of those that look first how something is, or where."""


def _is_brief_program(call: CallSite) -> bool:
    """Whether a program is started that ends at once: it is asked for its version or a status, or what a repository
    says of itself, or ends another."""
    if not call.positional:
        return False
    words = _command(call)
    if words[:1] == ["git"] and any(word in REPOSITORY for word in words[1:]):
        return True
    return any(_is_brief_line(call.fn, at) for at in call.positional[:1])


def _is_brief_line(fn: FunctionView, index: int) -> bool:
    """Whether one of the words of a command line says that its program ends at once; of a local that is given several
    lines, of one of them."""
    view, at = fn.variable_at(index) or (fn, index)
    node = view.nodes[at]
    lines = [at]
    if isinstance(node, Name) and view.bindings(node.id).scope is view:
        lines += [value for store in view.facts.bound[node.id] if (value := view.assigned_value(store)) is not None]
    words = (view.nodes[inner] for line in lines for inner in view.operands_within(line))
    return any(isinstance(word, Const) and str(word.value).lower() in _BRIEF for word in words)


def starts_brief(chain: tuple[CallSite, ...]) -> bool:
    """The same of a chain whose last function is handed the command line of the program that it starts."""
    if len(chain) < 2 or _kind(chain[-1]) is not schema.Kind.SUBPROCESS:
        return False
    handed = chain[-2]
    if _command(chain[-1])[:1] == ["git"] and any(word in REPOSITORY for word in _texts(handed)):
        return True
    return any(_is_brief_line(handed.fn, at) for at in handed.positional)


def _texts(call: CallSite) -> list[str]:
    """The texts that a call is given as they are."""
    given = (call.fn.nodes[at] for at in call.positional)
    return [node.value for node in given if isinstance(node, Const) and isinstance(node.value, str)]


def asks_machine(call: CallSite) -> bool:
    """Whether a program is started that tells of this machine, with nothing in its command line that was made up here:
    `nvidia-smi`, `ip neigh show`."""
    return not PROBES.isdisjoint(_words(call)[:1])


def asks_version(call: CallSite) -> bool:
    """Whether a program is started that is known by name, and asked for its version or its help, or tells another to
    end: it ends at once."""
    return not _ENDERS.isdisjoint(_command(call)[:1]) or not _AT_ONCE.isdisjoint(_words(call))


_ENDERS = frozenset({"kill", "killall", "pkill", "taskkill"})
"""Programs that tell others to end."""


def is_in_foreground(call: CallSite) -> bool:
    """Whether a person has the program that is waited for before them, and can end it: what Ctrl-C raises is caught
    around the call, its signal is taken in the function, this program stands back for the other, and ends with its exit
    code, or the other is the editor of their choice."""
    fn = call.fn
    if any(isinstance(node, Const) and node.value in _EDITORS for node in fn.nodes):
        return True
    if any(fn.path_of(at) == "signal.SIGINT" for other in fn.calls for at in other.positional[:1]):
        return True
    for handler in handlers(fn):
        caught = handler.excepts(fn).caught
        if caught >= 0 and fn.is_inside(fn.region_of(call.index), protected(fn, handler.statement)):
            if any(leaf.name == "builtins.KeyboardInterrupt" for leaf in exception_types(fn, [caught])):
                return True
    use = call.use
    name = use.name if use.kind == "bound" else ""
    return any(
        at == call.index or (isinstance(node := fn.nodes[at], Name) and node.id == name)
        for other in fn.calls
        if _ends_with_code(other)
        for at in fn.operands_within(other.positional[0])
    )


_EDITORS = frozenset({"EDITOR", "VISUAL"})
"""Variables of the environment that name the editor of a person's choice."""


def stands_back(call: CallSite) -> bool:
    """Whether a program with a screen of its own has left that to another meanwhile: `with self.suspend()`."""
    fn = call.fn
    inside = set(fn.regions_around(call.index))
    return any(
        node.region in inside and (made := fn.call_at(node.context)) is not None and made.member == "suspend"
        for _, node in fn.all_of(Enter)
    )


def _ends_with_code(call: CallSite) -> bool:
    ends = call.target == "builtins.SystemExit" or call.fn.module.project.catalog.no_return(call.target) is not None
    return ends and bool(call.positional)


def _words(call: CallSite) -> list[str]:
    """The words of the command line of a program that is waited for; none where one is not written there."""
    words = _command(call)
    return [] if None in words else [word for word in words if word is not None]


def _command(call: CallSite) -> list[str | None]:
    """The words of the command line of a program that a call starts, or that the process it is made on was started
    with, None for one that is not written there; none at all where the line is no list, or not known."""
    if _kind(call) is not schema.Kind.SUBPROCESS:
        return []
    origins = instance.origins if (instance := call.called_on) is not None else (call,)
    start = origins[0] if len(origins) == 1 and origins[0].positional else None
    if start is None:
        return []
    view, at = start.fn.variable_at(start.positional[0]) or (start.fn, start.positional[0])
    return _line(view, at)


def _line(view: FunctionView, index: int) -> list[str | None]:
    node = view.nodes[index]
    if isinstance(node, Operation) and node.op == "+":
        return [word for operand in node.operands for word in _line(view, operand)]
    if isinstance(node, Display):
        parts = [view.nodes[item] for item in node.items]
        return [part.value if isinstance(part, Const) and isinstance(part.value, str) else None for part in parts]
    if isinstance(node, Const) and isinstance(node.value, str):
        return list(node.value.split())
    return [None]


_ENDS = frozenset({"kill", "terminate", "send_signal"})
"""Methods that tell a process to end."""


def was_ended_before(call: CallSite) -> bool:
    """Whether the function has told the process to end before it waits for it."""
    return any(
        earlier.index < call.index and earlier.member in _ENDS for earlier in call.fn.calls_on.get(_place(call), ())
    )


def awaits_end(call: CallSite) -> bool:
    """Whether a function sleeps once it has told a process to end: by its number (`os.kill`), or itself."""
    return _kind(call) is schema.Kind.SLEEP and any(
        earlier.index < call.index and earlier.member in _ENDS for earlier in call.fn.calls
    )


def was_told_before(call: CallSite) -> bool:
    """Whether a thread is joined after an event, or an attribute of it, was set: it looks at that, and ends."""
    fn, place = call.fn, _place(call)
    if call.member != "join":
        return False
    if any(_sets(earlier) for earlier in fn.calls if earlier.index < call.index):
        return True
    if any(isinstance(node, Assign) and node.value >= 0 and _is_flag(fn, node) for node in fn.nodes[: call.index]):
        return True
    return bool(place) and any(
        isinstance(node, StoreAttr) and fn.key(node.value) == place for node in fn.nodes[: call.index]
    )


def _sets(call: CallSite) -> bool:
    """Whether a call is that of an event's `set()`, or stops the loop that a thread runs."""
    return (call.member == "set" and call.receiver >= 0 and not call.node.args) or _stops_loop(call)


def _stops_loop(call: CallSite) -> bool:
    """Whether a call has a loop that runs in another thread stop: it does with its next turn."""
    given = call.fn.nodes[call.positional[0]] if call.positional else None
    return call.member == "call_soon_threadsafe" and isinstance(given, Attr) and given.attr == "stop"


def _is_flag(fn: FunctionView, node: Assign) -> bool:
    """Whether an assignment sets an attribute of the object to true or false: its thread looks at that."""
    value = fn.nodes[node.value]
    return (
        isinstance(value, Const)
        and value.kind == "bool"
        and any(isinstance(fn.nodes[at], StoreAttr) for at in node.targets)
    )


def is_of_acquirer(call: CallSite) -> bool:
    """Whether a lock is taken by what is a lock itself, or hands one on: how long is for those who take it to say."""
    name = call.fn.name.strip("_")
    return call.member == "acquire" and name.startswith(("acquire", "lock", "enter", "aenter"))


def is_called_back(call: CallSite) -> bool:
    """Whether a future is asked by a function, or a method, that is called with it once it is done."""
    fn = call.fn
    given_to = fn.facts.params[1:] if fn.self_name else fn.facts.params
    if call.receiver < 0 or not given_to or fn.key(call.receiver) != given_to[0].name:
        return False
    for user, index in fn.module.mentions(fn.name, of_method=fn.owner is not None):
        use = user.use(index)
        given = user.call_at(use.node) if use.kind == "argument" else None
        if given is not None and given.member == "add_done_callback" and user.definition_of(index) is fn:
            return True
    return False


def was_waited_for_before(call: CallSite) -> bool:
    """Whether the function has waited for the same thing before, on the way: it has ended by now."""
    fn = call.fn
    inside = set(fn.regions_around(call.index))
    return any(
        earlier.index < call.index and _kind(earlier) is _kind(call) and fn.region_of(earlier.index) in inside
        for earlier in fn.calls_on.get(_place(call), ())
    )


def _kind(call: CallSite) -> schema.Kind | None:
    """What kind of call the catalogue says that one is; None where it does not know it."""
    api = call.fn.module.project.catalog.api(call.target)
    return api.kind if api is not None else None


ROOMY = 100
"""Things for which a queue has room, so that it is seldom full."""


def _of_put(call: CallSite) -> Hold | None:
    """A queue without a limit takes everything at once, one with much room as a rule."""
    instance = call.fn.instance(call.receiver) if call.receiver >= 0 else None
    if instance is None or not instance.origins:
        return Hold.SHORT
    for origin in instance.origins:
        size = origin.argument("maxsize", 0)
        if size is None:
            continue
        value = evaluate(origin.fn, size) if size >= 0 else None
        if value is None or value.kind is not ValueKind.NUMBER or 0 < value.number < ROOMY:
            return Hold.LONG
        if value.number > 0:
            return Hold.SHORT
    return None if instance.complete else Hold.SHORT


def takes_at_once(call: CallSite) -> bool:
    """Whether a call puts something into a queue that has room for everything: it never waits."""
    return _kind(call) is schema.Kind.QUEUE and call.member == "put" and _of_put(call) is None


_SENDS = frozenset(
    {
        *("send", "sendall", "sendto", "sendmsg", "sendfile"),
        *("send_multipart", "send_string", "send_json", "send_pyobj"),
    }
)

_POLLS = frozenset({"poll", "select"})


def _polls_before(call: CallSite) -> bool:
    """Whether the function has asked a poller before which sockets are ready, or the object keeps a socket with which
    one was told to look after it."""
    fn = call.fn
    if any(earlier.index < call.index and earlier.member in _POLLS for earlier in fn.calls):
        return True
    owner, (holder, _, attribute) = fn.owner, _place(call).partition(".")
    if owner is None or holder != fn.self_name:
        return False
    return any(
        told.member == "register"
        and told.positional
        and method.key(told.positional[0]) == f"{method.self_name}.{attribute}"
        for method in owner.children
        for told in method.calls
    )


def _of_socket(call: CallSite) -> Hold | None:
    """A socket that was made here, or came here, and is not told to block no one."""
    fn = call.fn
    instance = fn.instance(call.receiver)
    if _is_non_blocking(fn, call.receiver, instance):
        return None
    if instance is None or not instance.origins or call.member in _SENDS or _polls_before(call):
        return Hold.SHORT
    for origin in instance.origins:
        kind = origin.argument("type", 1)
        if kind is not None and (kind < 0 or not origin.fn.path_of(kind).endswith("SOCK_STREAM")):
            return None if call.member == "connect" else Hold.SHORT
    return Hold.LONG


def _is_non_blocking(fn: FunctionView, receiver: int, instance: Instance | None) -> bool:
    """Whether a socket is set not to block, where it is used or where it is made."""
    views = [fn, *(origin.fn for origin in instance.origins)] if instance is not None else [fn]
    if fn.owner is not None:
        views += fn.owner.children
    name = fn.key(receiver).rpartition(".")[2]
    for view in views:
        for call in view.calls:
            if call.member in ("setblocking", "settimeout") and call.receiver >= 0 and call.positional:
                value = evaluate(view, call.positional[0])
                same = view.key(call.receiver).rpartition(".")[2] == name or view is not fn
                if same and value.kind in (ValueKind.BOOL, ValueKind.NUMBER) and not value.number:
                    return True
    return False


def starts_program(call: CallSite) -> bool:
    """Whether a call starts a program and waits for it, or waits for one that was started."""
    return _kind(call) is schema.Kind.SUBPROCESS


def waits_for_thread(call: CallSite) -> bool:
    """Whether a call waits for another thread or process of this program, not for anything outside."""
    return _kind(call) is schema.Kind.THREAD


def connects_here(call: CallSite) -> bool:
    """Whether a call opens a connection to this very machine, which takes it at once, or refuses it."""
    return _kind(call) in _CONNECTING and is_on_this_machine(call)


_CONNECTING = frozenset({schema.Kind.SOCKET, schema.Kind.REMOTE})


def says_it_is_over(call: CallSite) -> bool:
    """Whether a call waits for another thread or process whose work is over, as the name of its function says:
    `_process_finished_validation`."""
    return waits_for_thread(call) and _OVER.search(call.fn.name) is not None


_OVER = re.compile(r"(?<!until)(?<!wait_for)(?:^|_)(?:finished|completed)_")


def asks_resolver(call: CallSite) -> bool:
    """Whether a call asks a name server: a moment for most names, and long for some."""
    return _kind(call) is schema.Kind.DNS


def says_it_blocks(chain: tuple[CallSite, ...]) -> bool:
    """Whether those who wrote a chain of calls say that it blocks, and not that this is to be changed: in the
    docstring of the function that it begins in, or in a comment above the last call."""
    first, last = chain[0], chain[-1]
    said = (first.fn.docstring(), last.fn.comment_above(last.index).replace("\n#", ""))
    return any(_BLOCKS.search(text) is not None and _LATER.search(text) is None for text in said)


_BLOCKS = re.compile(
    r"(?<!non)(?<!non[ -])(?<!not )(?<!without )(?<!avoid )(?<!avoids )(?<!instead of )(?<!never )\bblocking\b"
    r"|\b(?:calls?|can|it|may|this|which|will)(?: \w+ly)? blocks?\b",
    re.IGNORECASE,
)
"""Words that say that something blocks."""

_LATER = re.compile("TODO|FIXME")
"""Words that say that something is to be changed."""


def asks_person(call: CallSite) -> bool:
    """Whether a call waits for somebody to type something, itself or for a moment at a time: `select` on the input."""
    catalog = call.fn.module.project.catalog
    if _kind(call) is not schema.Kind.SOCKET:
        return _kind(call) is schema.Kind.INPUT
    for arg in call.node.args:
        for index in call.fn.operands_within(arg.value):
            path = call.fn.path_of(index) if isinstance(call.fn.nodes[index], (Name, Attr)) else ""
            read = catalog.api(f"{path}.readline") if path else None
            if read is not None and read.kind is schema.Kind.INPUT:
                return True
    return False
