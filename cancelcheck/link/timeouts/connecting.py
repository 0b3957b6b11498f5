"""Clients of databases, brokers, caches and clouds: whether connecting through one, or asking it, has an end."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.timeouts.advice import library_of
from cancelcheck.link.timeouts.waits import (
    MAX_IMPORTS,
    Verdict,
    client_of,
    defers,
    every_call_timed,
    judge,
    judge_client,
)
from cancelcheck.link.values import Bound, ValueKind, bound_of, evaluate
from cancelcheck.model.facts import Attr, FunctionKind, Name, Operation

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite
    from cancelcheck.link.project import ModuleView


class Open(NamedTuple):
    """A wait without an end. `entry` says what could bound it; `what` whether it is the whole, the connection or each
    command that has none; `library` which one waits, where that is not the one that is called."""

    entry: schema.Api | schema.Client
    what: str
    library: str = ""


def open_wait(call: CallSite) -> Open | None:
    """Whether a call makes a client whose connections, or commands, can wait forever, or is a call that only itself can
    bound and does not; None where something bounds it, or may. A client is judged where it is made, and what is asked
    of it there too where the constructor takes that bound."""
    if is_its_own(call):
        return None
    client = client_of(call)
    if client is not None and client.kind is not None:
        found = _of_client(call, client)
        if found is not None or client.command or client.timeout:
            return found
    api = call.fn.module.project.catalog.api(call.target)
    if api is None or api.default == "client" or judge(call, api).verdict is not Verdict.UNTIMED:
        return None
    return Open(api, _word(api, call))


def is_one_of_many(call: CallSite, found: Open) -> bool:
    """Whether a command takes no timeout, so that only the connection could bound it, and another one through the same
    library stands before it in its function, or in the class that this belongs to: it is one defect."""
    if found.what != "command" or not isinstance(found.entry, schema.Api) or found.entry.timeout:
        return False
    here = call.fn.index, call.index
    return _first_commands(call.fn.module).get(_asked(call, found.entry), here) != here


Asked = tuple[int, str, schema.Kind]
"""Where something is asked, through which library, and what it is."""


def _asked(call: CallSite, api: schema.Api) -> Asked:
    place = call.fn
    while place.parent is not None and place.parent.facts.kind is not FunctionKind.MODULE:
        place = place.parent
    return place.index, call.target.partition(".")[0], api.kind


def _first_commands(module: ModuleView) -> dict[Asked, tuple[int, int]]:
    """The first command of each function or class of a file that waits forever and takes no timeout, for each library
    and kind; looked up once."""
    if module.first_commands is None:
        module.first_commands = {}
        for view in module.functions:
            for call in view.told_calls:
                api = module.project.catalog.api(call.target)
                key = _asked(call, api) if api is not None and not api.timeout else None
                if key is None or key in module.first_commands:
                    continue
                found = open_wait(call)
                if found is not None and found.what == "command" and found.entry is api:
                    module.first_commands[key] = (view.index, call.index)
    return module.first_commands


def is_its_own(call: CallSite) -> bool:
    """Whether a call stands in the very library that it calls: what that waits for is its own choice, and for those who
    use it to say. (A file `http.py` is not the standard library.)"""
    library = call.target.partition(".")[0]
    own = bool(library) and call.fn.module.name.partition(".")[0] == library
    return own and library not in sys.stdlib_module_names


_THIS_MACHINE = re.compile(r"(?:^|//|@|host=)(?:localhost|127\.0\.0\.1|\[?::1\]?)(?=$|[:/,\s])|^unix:")

_PUT_TOGETHER = re.compile(r"[fr]+[\"']+", re.IGNORECASE)
"""How an f-string begins."""


def is_on_this_machine(call: CallSite) -> bool:
    """Whether a client is told to connect to this very machine, by its address or by a name in it: it takes the
    connection at once, or refuses it."""
    if any(_says_so(call, argument.value) for argument in call.node.args):
        return True
    texts = [call.fn.text(argument.value) for argument in call.node.args]
    begun = [text[found.end() :] for text in texts if (found := _PUT_TOGETHER.match(text)) is not None]
    if any(_THIS_MACHINE.search(text) is not None for text in begun):
        return True
    values = [evaluate(call.fn, argument.value) for argument in call.node.args if not argument.star]
    addresses = [item for value in values for item in (value, *value.items[:1])]  # a socket's is a pair
    return any(value.kind is ValueKind.TEXT and _THIS_MACHINE.search(value.text) is not None for value in addresses)


def asks_this_machine(call: CallSite) -> bool:
    """Whether what is asked is on this very machine, as what the client was made with says, or what that was made with
    (the channel of a stub): all of it that may be meant is seen."""
    instance = call.fn.instance(call.receiver) if call.receiver >= 0 else None
    if instance is None or not instance.complete or not instance.origins:
        return False
    return all(is_on_this_machine(origin) or _is_made_with_local(origin) for origin in instance.origins)


def calls_back_here(call: CallSite) -> bool:
    """Whether a generated client is asked whose peer is on this machine, as it calls back: the file, or one that it
    imports, serves at an address that holds on this machine only, and asks through clients of the same class."""
    instance = call.fn.instance(call.receiver) if call.receiver >= 0 else None
    entry = call.fn.module.project.catalog.generated(instance.type) if instance is not None else None
    if instance is None or entry is None:
        return False
    seen: set[str] = set()
    level = [call.fn.module]
    for _ in range(MAX_IMPORTS + 1):
        if any(instance.type in _called_back(module, entry) for module in level):
            return True
        seen.update(module.source.path for module in level)
        level = [found for module in level for found in module.imported_modules if found.source.path not in seen]
    return False


def _called_back(module: ModuleView, entry: schema.Generated) -> frozenset[str]:
    """The classes of generated clients through which a file asks that serves at an address of this machine only;
    looked up once."""
    if module.called_back is None:
        module.called_back = frozenset()
        catalog = module.project.catalog
        words = {name.rpartition(".")[2] for name in entry.serves}
        if any(word in module.source.text for word in words):
            calls = [call for view in module.functions for call in view.calls]
            if any(call.member in words and call.target in entry.serves and is_on_this_machine(call) for call in calls):
                clients = (call.fn.instance(call.receiver) for call in calls if call.receiver >= 0)
                asked = {client.type for client in clients if client is not None}
                module.called_back = frozenset(name for name in asked if catalog.generated(name) is not None)
    return module.called_back


def _is_made_with_local(origin: CallSite) -> bool:
    for argument in origin.node.args:
        given = origin.fn.instance(argument.value)
        if given is not None and given.complete and given.origins and all(map(is_on_this_machine, given.origins)):
            return True
    return False


_NAMED = re.compile(r"local_?host|loop_?back", re.IGNORECASE)


def _says_so(call: CallSite, argument: int) -> bool:
    """Whether an argument says by a name in it, whatever else may be asked there instead, that it is this machine."""
    fn = call.fn
    inside = [fn.nodes[at] for at in fn.operands_within(argument)]
    if any(isinstance(node, Operation) and node.op in ("or", "if", "and") for node in inside):
        return False
    names = (node.id if isinstance(node, Name) else node.attr for node in inside if isinstance(node, (Name, Attr)))
    return any(_NAMED.search(name) is not None for name in names)


def _word(api: schema.Api, call: CallSite) -> str:
    """A call on something that was made before is a command; one that makes it is the connection."""
    return "command" if call.called_on is not None else "whole"


def _of_client(call: CallSite, client: schema.Client) -> Open | None:
    if any(arg.star for arg in call.node.args) or defers(call, client) or _is_in_url(call, client):
        return None
    if call.fn.module.project.catalog.drivers(call.target):
        return _of_driver(call, client)
    api = call.fn.module.project.catalog.api(call.target)
    if (client.makes or api is not None) and is_bounded(call.fn, call.index):
        return None
    connection = judge_client(call, client).verdict
    if connection is Verdict.UNTIMED and (client.timeout or not client.makes) and not every_call_timed(call):
        return Open(client, "connection" if client.command or client.command_default == "none" else "whole")
    if client.command_default != "none" or not client.command:
        return None
    for name in client.command:
        argument = call.argument(name)
        if argument is not None:
            if argument < 0 or bound_of(evaluate(call.fn, argument), client.forever) is not Bound.FOREVER:
                return None
            if connection is Verdict.DISABLED:
                return None  # that it never ends is said of the client
    return Open(client, "command")


_SCHEME = re.compile(r"([a-z][\w+]*)://")


def _of_driver(call: CallSite, client: schema.Client) -> Open | None:
    """The same for a client that another library connects for: by the scheme of its URL, which is a literal. A bound
    stands in the dict of that library's arguments."""
    catalog = call.fn.module.project.catalog
    argument = call.argument(client.url, client.url_position)
    value = evaluate(call.fn, argument) if argument is not None and argument >= 0 else None
    scheme = _SCHEME.match(value.text) if value is not None and not value.is_default else None
    if value is None or scheme is None:
        return None
    known = (entry.client for entry in catalog.drivers(call.target) if scheme[1] in names_of(entry.scheme))
    connect = next(known, "")
    driver = catalog.client(connect)
    if driver is None or any(f"{name}=" in value.text for name in (*names_of(driver.timeout), *driver.command)):
        return None
    keyword = next(iter(names_of(client.timeout)))
    given = call.argument(keyword, client.timeout_position)
    items = call.fn.dict_items(given) if given is not None and given >= 0 else {}
    if given == -1 or items is None or any(name in items for name in driver.defers):
        return None
    endless = [
        (what, names)
        for what, names, default in (
            ("connection", names_of(driver.timeout), driver.default),
            ("command", driver.command, driver.command_default),
        )
        if names and default == "none" and not any(name in items for name in names)
    ]
    if not endless:
        return None
    what, names = endless[0]
    form = f'{{"{names[0]}": {{}}}}' if given is None and driver.form == "{}" else ""
    entry = msgspec.structs.replace(client, form=form, unit=driver.unit, whole=driver.whole, command=(keyword,))
    return Open(entry, what, library_of(connect))


def _is_in_url(call: CallSite, client: schema.Client) -> bool:
    """Whether a bound may stand in the URL, or connection string, that a client is given: it is no literal, a
    deployment may say another, or it names one."""
    if not client.url:
        return False
    argument = call.argument(client.url, client.url_position)
    if argument is None:
        return False
    value = evaluate(call.fn, argument) if argument >= 0 else None
    if value is None or value.kind is not ValueKind.TEXT or value.is_default:
        return True
    names = (*names_of(client.timeout), *client.command)
    return any(f"{name}=" in value.text.replace(" ", "") for name in names)
