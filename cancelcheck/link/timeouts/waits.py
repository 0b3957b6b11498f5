"""What bounds a call that waits: its own argument, its client, a process-wide default, a scope around it."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, NamedTuple

from cancelcheck.catalog import schema
from cancelcheck.catalog.loader import names_of
from cancelcheck.link.adapters import is_customised, speaks_of_timeouts
from cancelcheck.link.arguments import mentions
from cancelcheck.link.paths.conditions import found_equal, found_true, stores_of
from cancelcheck.link.paths.scopes import is_bounded
from cancelcheck.link.timeouts.telling import may_be_told
from cancelcheck.link.values import Bound, Value, bound_of, evaluate
from cancelcheck.model.facts import Const

if TYPE_CHECKING:
    from cancelcheck.link.function import CallSite, FunctionView
    from cancelcheck.link.instances import Instance
    from cancelcheck.link.project import ModuleView


class Verdict(enum.StrEnum):
    """How long a call waits, as far as can be seen."""

    TIMED = "timed"
    """It ends, or may end: something bounds it, or that cannot be ruled out."""
    UNTIMED = "untimed"
    """Nothing bounds it: no argument, no client, no scope."""
    DISABLED = "disabled"
    """Its own argument says "never"."""


class Wait(NamedTuple):
    """A verdict; `value` is what disables the timeout, where something does."""

    verdict: Verdict
    value: Value | None = None


_TIMED = Wait(Verdict.TIMED)

NETWORK = frozenset(
    {
        schema.Kind.HTTP,
        schema.Kind.RPC,
        schema.Kind.DB,
        schema.Kind.CACHE,
        schema.Kind.BROKER,
        schema.Kind.CLOUD,
        schema.Kind.MAIL,
        schema.Kind.REMOTE,
        schema.Kind.SOCKET,
        schema.Kind.DNS,
    }
)
"""Kinds of calls that wait for another machine: an endless timeout there is a defect, not a way to say "block"."""


def given(call: CallSite, timeout: schema.Names, position: int, forever: tuple[schema.Value, ...]) -> Wait | None:
    """What a call's own timeout argument says; None where it is surely not given."""
    names = names_of(timeout)
    if not names and position < 0:
        return None
    argument = call.argument(names, position)
    if argument is None:
        return None
    if argument < 0:
        return _TIMED
    value = evaluate(call.fn, argument)
    return Wait(Verdict.DISABLED, value) if bound_of(value, forever) is Bound.FOREVER else _TIMED


def judge(call: CallSite, api: schema.Api, *, given_none: bool = False) -> Wait:
    """Whether a call of the catalogue can wait forever. `given_none`: its own timeout is known to be None here."""
    view = call.fn
    if asks_nobody(call, api):
        return _TIMED
    own = given(call, api.timeout, api.timeout_position, api.forever)
    if given_none:
        own = Wait(Verdict.DISABLED)
    if own is not None and own.verdict is Verdict.TIMED:
        return own
    if api.mode is schema.Mode.ASYNC and is_bounded(view, call.index):
        return _TIMED
    instance = call.called_on
    if own is not None:
        return own if instance is None or is_plain(call, instance) else _TIMED
    if any(arg.star == 2 and view.dict_items(arg.value) is None for arg in call.node.args):
        return _TIMED  # the timeout may be in there
    if api.default == "client":
        return _of_client(call, instance)
    if api.default != "none" or (api.socket_default and sets_default_timeout(view.module)):
        return _TIMED
    if instance is not None and not is_plain(call, instance):
        return _TIMED
    if api.set_by and not waits_as_made(call, api):
        return _TIMED
    return Wait(Verdict.UNTIMED)


def asks_nobody(call: CallSite, api: schema.Api) -> bool:
    """Whether a call, as it is made here, waits for nobody: what it would ask is not named, its answer is handed over,
    its URL needs no network, or it is told to come back at once."""
    if api.at_once and mentions(call, api.at_once):
        return True
    if api.only_if and call.argument(api.only_if, api.only_if_position) is None:
        return True
    if any(call.argument(name) is not None for name in api.unless):
        return True
    if api.given_url and not _is_url(call):
        return True
    return bool(api.local_schemes) and _is_local(call, api.local_schemes)


def _is_url(call: CallSite) -> bool:
    """Whether what is read is a URL: it is written as one, or the name of what holds it says so."""
    if not call.positional:
        return False
    view, at = call.fn.variable_at(call.positional[0]) or (call.fn, call.positional[0])
    if re.match(r"[rbfu]*[\"']+https?:", view.text(at).lower()):
        return True
    return (
        re.search(r"(?<![a-z])(?:ur[il]s?|links?|href)(?![a-z])", call.fn.text(call.positional[0]).lower()) is not None
    )


def _is_local(call: CallSite, schemes: tuple[str, ...]) -> bool:
    """Whether the URL that a call opens needs no network: by its scheme, where it is written, else by the name of what
    holds it, or of the function (`data_url`, `parse_data_uri`)."""
    if not call.positional:
        return False
    view, at = call.fn.variable_at(call.positional[0]) or (call.fn, call.positional[0])
    text = view.text(at)
    if any(text.lower().lstrip("rbfu").lstrip("\"'").startswith(f"{scheme}:") for scheme in schemes):
        return True
    for asked in found_true(call.fn, call.index, call.positional[0]):
        told = call.fn.nodes[asked.positional[0]] if asked.member == "startswith" and asked.positional else None
        if isinstance(told, Const) and str(told.value).partition(":")[0] in schemes and ":" in str(told.value):
            return True
    if _is_of_scheme(call.fn, call.index, call.positional[0], schemes):
        return True
    names = f"{call.fn.text(call.positional[0])} {call.fn.name}".lower()
    return re.search(rf"(?<![a-z])(?:{'|'.join(schemes)})_?ur[il]", names) is not None


def _is_of_scheme(view: FunctionView, index: int, place: int, schemes: tuple[str, ...]) -> bool:
    """Whether all ways to a node have found that what was parsed out of a place is of one of these schemes
    (`urlparse(url).scheme == "data"`)."""
    key = view.key(place)
    for attribute, value in found_equal(view, index, "scheme") if key else ():
        told = view.nodes[value]
        holder, at = view.variable_at(attribute) or (view, attribute)
        parsed = holder.call_at(at)
        if isinstance(told, Const) and told.value in schemes and parsed is not None and parsed.positional:
            if holder.key(parsed.positional[0]) == key:
                return not any(parsed.index < at < index for at in stores_of(view, key))
    return False


def _of_client(call: CallSite, instance: Instance | None) -> Wait:
    """What the client's constructor says, for a call that leaves it to the client. What is judged at the constructor is
    reported there, not again at each call."""
    if instance is None or not instance.complete or not instance.origins or instance.view is not None:
        return _TIMED
    catalog = call.fn.module.project.catalog
    for origin in instance.origins:
        client = catalog.client(origin.target)
        if client is None or client.bounds_all or judge_client(origin, client).verdict is not Verdict.UNTIMED:
            return _TIMED
    return Wait(Verdict.UNTIMED)


def judge_client(call: CallSite, client: schema.Client) -> Wait:
    """Whether the calls through a client, as its constructor is called, can wait forever unless they say otherwise."""
    own = given(call, client.timeout, client.timeout_position, client.forever)
    if own is not None:
        return own
    if client.default != "none" or defers(call, client):
        return _TIMED
    if client.socket_default and sets_default_timeout(call.fn.module):
        return _TIMED
    return Wait(Verdict.UNTIMED)


def defers(call: CallSite, client: schema.Client) -> bool:
    """Whether a constructor is given something that may set a bound in a way not seen here."""
    if any(arg.star for arg in call.node.args) or _is_bounded_by_subclass(call):
        return True
    return any(
        call.argument(name, client.defers_position if at == 0 else -1) is not None
        for at, name in enumerate(client.defers)
    )


def _is_bounded_by_subclass(call: CallSite) -> bool:
    """Whether it is the base of a class that is made, and the class speaks of a timeout in another method: it may
    connect in its own way."""
    owner = call.fn.owner if call.member == "__init__" else None
    return owner is not None and any(speaks_of_timeouts(method) for method in owner.children if method is not call.fn)


def is_plain(call: CallSite, instance: Instance) -> bool:
    """Whether an instance is one of the library's own, with nothing done to it that could set a timeout: no subclass of
    the project that sends in its own way, no adapter mounted, no method replaced."""
    view = call.fn
    if instance.view is not None:
        for name in ("request", "send", "get", "post", "mount"):
            if instance.view.inherited(name) is not None:
                return False
    for origin in instance.origins:
        client = view.module.project.catalog.client(origin.target)
        if client is not None and defers(origin, client):
            return False
    return not is_customised(view, instance)


def waits_as_made(call: CallSite, api: schema.Api) -> bool:
    """Whether what a call is made on still waits as it did when it was made, which is seen, without an end: nobody has
    told it how long since."""
    instance = call.called_on
    if instance is None or instance.view is not None or not instance.complete or not instance.origins:
        return False
    if api.socket_default and sets_default_timeout(call.fn.module):
        return False
    return all(_is_made_endless(origin, api) for origin in instance.origins) and not may_be_told(call, instance, api)


def _is_made_endless(origin: CallSite, api: schema.Api) -> bool:
    """Whether a call makes something that waits without an end: a constructor, which is given nothing that makes it not
    wait at all, or a call that could bound it and does not."""
    catalog = origin.fn.module.project.catalog
    maker = catalog.api(origin.target)
    if maker is not None:
        return bool(maker.timeout) and judge(origin, maker).verdict is Verdict.UNTIMED
    if not catalog.knows_type(origin.target):
        return False
    if not api.unless_made_with:
        return True
    library = f"{origin.target.partition('.')[0]}."
    known = all(
        isinstance(origin.fn.nodes[arg.value], Const) or origin.fn.path_of(arg.value).startswith(library)
        for arg in origin.node.args
    )
    return known and not mentions(origin, api.unless_made_with)


_SETS_DEFAULT = "socket.setdefaulttimeout"
"""What `socket_default` in the catalogue is about."""

MAX_IMPORTS = 2
"""Imports, one inside another, through which a default timeout is looked for."""


def sets_default_timeout(module: ModuleView) -> bool:
    """Whether the module, or one that it imports, gives sockets a default timeout, with anything but None."""
    known = module.default_timeout
    if known is None:
        seen = {module.source.path}
        level = [module]
        known = _sets_it(module)
        for _ in range(MAX_IMPORTS):
            level = [found for near in level for found in near.imported_modules if found.source.path not in seen]
            seen.update(found.source.path for found in level)
            known = known or any(_sets_it(found) for found in level)
        module.default_timeout = known
    return known


def _sets_it(module: ModuleView) -> bool:
    # most files never mention it: no call need be resolved
    if _SETS_DEFAULT.rpartition(".")[2] not in module.source.text:
        return False
    return any(
        bound_of(evaluate(view, call.positional[0]), (schema.Value.NONE,)) is not Bound.FOREVER
        for view in module.functions
        for call in view.calls
        if call.target == _SETS_DEFAULT and call.positional
    )


def client_of(call: CallSite) -> schema.Client | None:
    """The client that a call makes: by its constructor, or by that of a base (`super().__init__(timeout=None)`)."""
    catalog = call.fn.module.project.catalog
    client = catalog.client(call.target)
    if client is None and call.member == "__init__" and call.fn.call_at(call.receiver) is not None:
        client = catalog.client(call.target.removesuffix(".__init__"))
    return client


def every_call_timed(origin: CallSite) -> bool:
    """Whether a client made at `origin` is a local, or a `with` target, all of whose requests in sight are given a
    finite timeout of their own. False where it goes out of sight, or nothing is asked of it."""
    view = origin.fn
    catalog = view.module.project.catalog
    seen = False
    for user in view.module.functions:
        for call in user.calls:
            api = catalog.api(call.target)
            instance = call.called_on if api is not None else None
            if api is None or instance is None:
                continue
            if not any(made.fn is view and made.index == origin.index for made in instance.origins):
                continue
            seen = True
            own = given(call, api.timeout, api.timeout_position, api.forever)
            if own is None or own.verdict is not Verdict.TIMED:
                return False
    return seen
