"""The catalogue's data against its form, against itself, and against the libraries that are installed here."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from cancelcheck.catalog import schema, words
from cancelcheck.catalog.loader import _TABLES, Catalog, CatalogError, _as_of, names_of, release
from tools import catalog_probe
from tools.catalog_check import Comparison, entries, request_for

CATALOG = Catalog()
LIBRARIES = CATALOG.libraries()


def library_of(name: str) -> str:
    """The library that speaks of a name: the longest that it begins with."""
    return max((library for library in LIBRARIES if name.startswith(f"{library}.")), key=len)


# --- form


@pytest.mark.parametrize("library", LIBRARIES)
def test_file_is_of_the_form(library: str) -> None:
    data = CATALOG.read(library)
    assert data.library.name == library
    assert data.library.version
    assert data.library.source
    for table, name, entry in entries(data):
        assert f"{name}.".startswith(f"{library}."), f"{table}: {name}"
        assert entry.source or data.library.source


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_name_stands_twice_in_a_table(library: str) -> None:
    data = CATALOG.read(library)
    for table, field in _TABLES:
        names = [name for entry in getattr(data, table) for name in names_of(getattr(entry, field))]
        assert sorted(names) == sorted(set(names)), table


@pytest.mark.parametrize("library", LIBRARIES)
def test_type_stands_in_one_table(library: str) -> None:
    data = CATALOG.read(library)
    names = [name for table, name, _ in entries(data) if table in ("client", "type", "exception", "timeout_object")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("library", LIBRARIES)
def test_alias_leads_to_a_name_of_the_catalogue(library: str) -> None:
    for spelling, usual in CATALOG.read(library).alias.items():
        assert spelling.startswith(f"{library}."), spelling
        assert spelling.endswith(".*") == usual.endswith(".*"), spelling
        target = CATALOG.read(library_of(usual))
        stem = usual.removesuffix("*")
        known = [name for _, name, _ in entries(target)]
        assert any(name == usual or name.startswith(stem) for name in known), spelling
        assert usual not in target.alias, f"{spelling}: {usual} is an alias itself"


@pytest.mark.parametrize("library", LIBRARIES)
def test_types_that_entries_speak_of_are_known(library: str) -> None:
    catalog = Catalog()
    for table, name, entry in entries(CATALOG.read(library)):
        spoken = [getattr(entry, field, "") for field in ("returns", "enters", "makes")]
        spoken += [*getattr(entry, "bases", ()), *getattr(entry, "items", ())]
        for mentioned in filter(None, spoken):
            assert catalog.knows_type(mentioned), f"{table} {name}: {mentioned}"
        for raised in names_of(getattr(entry, "raises", ())):
            assert catalog.exception(raised) is not None, f"{table} {name}: {raised}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_members_stand_on_known_types(library: str) -> None:
    catalog = Catalog()
    for table, name, _ in entries(CATALOG.read(library)):
        owner = name.rpartition(".")[0]
        if owner != library and owner.rpartition(".")[2][:1].isupper():
            assert catalog.knows_type(owner), f"{table} {name}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_default_is_a_number_or_a_known_word(library: str) -> None:
    data = CATALOG.read(library)
    for _, name, entry in entries(data):
        default = getattr(entry, "default", "none")
        assert not isinstance(default, str) or default in ("none", "client", "unknown"), name
        if isinstance(entry, schema.Api) and default == "client":
            owner = name.rpartition(".")[0]
            makers = [other for client in data.client if client.makes == owner for other in names_of(client.type)]
            assert makers or Catalog().client(owner) is not None, name


# --- against the libraries


@pytest.mark.parametrize("library", LIBRARIES)
def test_agrees_with_the_library(library: str) -> None:
    data = CATALOG.read(library)
    answer = catalog_probe.answer(json.loads(request_for(data).as_json()))
    if answer["failed"]:
        gone = release(data.library.gone)
        assert data.library.package or (gone and sys.version_info >= gone), f"{library} is part of Python"
        pytest.skip(f"{library} is not installed")
    assert not list(Comparison(data, answer).differences())


def test_cancellations_of_asyncio_and_of_futures_differ() -> None:
    futures = catalog_probe.attribute("concurrent.futures.CancelledError")
    assert not issubclass(futures, asyncio.CancelledError)


# --- looking up


def test_look_up_through_a_base() -> None:
    catalog = Catalog()
    assert catalog.api("queue.PriorityQueue.get") is catalog.api("queue.Queue.get")
    assert catalog.spawner("concurrent.futures.ThreadPoolExecutor.submit") is not None
    assert catalog.spawner("uvloop.Loop.create_task") is catalog.spawner("asyncio.AbstractEventLoop.create_task")
    assert catalog.polls("asyncio.Task.done")
    assert catalog.api("queue.Queue.nothing") is None


def test_look_up_through_an_alias() -> None:
    catalog = Catalog()
    assert catalog.canonical("asyncio.tasks.create_task") == "asyncio.create_task"
    assert catalog.canonical("requests.sessions.Session.get") == "requests.Session.get"
    assert catalog.canonical("requests.api.get") == "requests.get"
    assert catalog.canonical("httpx._client.AsyncClient.get") == "httpx.AsyncClient.get"
    assert catalog.canonical("concurrent.futures._base.CancelledError") == "concurrent.futures.CancelledError"
    assert catalog.canonical("multiprocessing.queues.Queue.get") == "multiprocessing.Queue.get"
    assert catalog.canonical("asyncio.TimeoutError") == "builtins.TimeoutError"
    assert catalog.canonical("nothing.known") == "nothing.known"
    assert catalog.api("aiohttp.client.ClientSession.get") is catalog.api("aiohttp.ClientSession.get")


def test_what_the_rules_ask() -> None:
    catalog = Catalog()
    spawner = catalog.spawner("asyncio.AbstractEventLoop.run_in_executor")
    assert spawner is not None
    assert (spawner.work, spawner.work_position) == (schema.Work.CALLABLE, 1)
    assert catalog.spawner("asyncio.AbstractEventLoop.call_later") is None
    group = catalog.spawner("asyncio.TaskGroup.create_task")
    assert group is not None
    assert group.has_owner
    assert catalog.runner("asyncio.run") is not None
    assert catalog.is_coroutine("asyncio.sleep")
    assert catalog.is_coroutine("aiohttp.ClientSession.get")
    assert not catalog.is_coroutine("asyncio.gather")
    assert not catalog.is_coroutine("httpx.AsyncClient.stream")
    assert catalog.never_returns("sys.exit")
    assert catalog.is_suppressor("contextlib.suppress")
    assert catalog.decorator("contextlib.asynccontextmanager") == "contextmanager"
    assert catalog.decorator("builtins.property") == "property"
    assert catalog.decorator("functools.wraps") == ""
    clock = catalog.clock("time.time")
    assert clock is not None
    assert clock.monotonic_instead == "time.monotonic"
    sinks = catalog.clock_sinks("asyncio.AbstractEventLoop.call_at")
    assert [(sink.position, sink.clock) for sink in sinks] == [(0, schema.Clock.LOOP)]
    assert catalog.is_checkpoint("anyio.from_thread.check_cancelled")
    session = catalog.client("requests.Session")
    assert session is not None
    assert not session.timeout
    timeout = catalog.timeout_object("aiohttp.ClientTimeout")
    assert timeout is not None
    assert timeout.bounding == ("total", "sock_read")
    cancelled = catalog.exception("asyncio.exceptions.CancelledError")
    assert cancelled is not None
    assert (cancelled.kind, cancelled.framework) == (schema.ExceptionKind.CANCEL, "asyncio")


# --- entries of a project


def test_entry_of_a_project() -> None:
    catalog = Catalog(
        [
            {
                "call": "acme.http.Client.request",
                "kind": "http",
                "mode": "async",
                "timeout": "deadline_s",
                "default": "none",
            }
        ]
    )
    found = catalog.api("acme.http.Client.request")
    assert found is not None
    assert (found.kind, found.mode, found.timeout) == (schema.Kind.HTTP, schema.Mode.ASYNC, "deadline_s")
    assert catalog.is_coroutine("acme.http.Client.request")


def test_entry_of_a_project_comes_before_the_catalogue() -> None:
    catalog = Catalog([{"call": "requests.get", "kind": "http", "mode": "sync", "timeout": "timeout", "default": 9}])
    found = catalog.api("requests.api.get")
    assert found is not None
    assert found.default == 9


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"timeuot": "deadline"}, "timeuot"),
        ({"kind": "htpp"}, "kind"),
        ({"mode": 3}, "mode"),
        ({"timeout-position": "first"}, "timeout-position"),
    ],
)
def test_malformed_entry_names_the_key(change: dict[str, object], key: str) -> None:
    entry: dict[str, object] = {"call": "acme.get", "kind": "http", "mode": "async", **change}
    with pytest.raises(CatalogError, match=key):
        Catalog([entry])


def test_entry_without_a_call() -> None:
    with pytest.raises(CatalogError, match="call"):
        Catalog([{"kind": "http", "mode": "async"}])


# --- releases


@pytest.mark.parametrize(
    ("version", "default"),
    [(None, 5), ("8.1.0", 5), ("8", 5), ("8.0.0rc1", 5), ("7.4.0", "none"), ("4", "none"), ("main", 5)],
)
def test_default_is_that_of_the_release_in_use(version: str | None, default: float | str) -> None:
    catalog = Catalog(versions={"redis": version} if version else None)
    for name in ("redis.Redis", "redis.asyncio.client.Redis", "redis.asyncio.from_url", "redis.RedisCluster"):
        client = catalog.client(catalog.canonical(name))
        assert client is not None
        assert (client.default, client.command_default) == (default, default)


def test_earlier_of_two_changes() -> None:
    entry = schema.Api(
        call="acme.get",
        kind=schema.Kind.HTTP,
        mode=schema.Mode.SYNC,
        default=5,
        until=(schema.Until(version="4", default=60), schema.Until(version="2.1", default="none")),
    )
    defaults = [_as_of(entry, release(version)).default for version in ("1", "2.0.9", "2.1", "3.9", "4.0", "5")]
    assert defaults == ["none", "none", 60, 60, 5, 5]


def test_function_that_makes_a_client() -> None:
    catalog = Catalog()
    made = catalog.produces("redis.from_url")
    assert made is not None
    assert made.returns == "redis.Redis"
    assert not catalog.knows_type("redis.Redis.from_url")
    connect = catalog.client("asyncpg.connect")
    assert connect is not None
    assert (connect.default, connect.command, connect.command_default) == (60, ("command_timeout",), "none")


def test_libraries_that_share_a_package() -> None:
    catalog = Catalog()
    assert {"google.cloud.storage", "google.api_core"} <= set(catalog.libraries())
    assert catalog.canonical("google.cloud.storage.client.Client") == "google.cloud.storage.Client"
    assert catalog.retry("google.api_core.retry.Retry") is not None


def test_a_library_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog()
    read: list[str] = []
    monkeypatch.setattr(catalog, "read", lambda library: read.append(library) or CATALOG.read(library))
    assert catalog.api("httplib2.Http.request") is not None
    assert catalog.api("nothing.known") is None
    assert catalog.client("azure.cosmos.CosmosClient") is not None
    assert read == ["httplib2", *(library for library in LIBRARIES if library.startswith("azure."))]


def test_the_words_that_are_known_before_any_file_is_read_are_those_of_the_files() -> None:
    catalog = Catalog()
    data = [catalog.read(library) for library in catalog.libraries()]
    calls = {name.rpartition(".")[2] for file in data for entry in file.serves for name in names_of(entry.call)}
    methods = {method for file in data for entry in file.serving_class for method in entry.methods}
    assert calls == words.SERVING
    assert methods == words.SERVING_METHODS
