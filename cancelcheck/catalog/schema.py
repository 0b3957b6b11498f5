"""The form of a catalogue file, and of the entries that a project adds in its configuration.

One file per library, named after the package that is imported; where several libraries share a top-level package
(`azure`, `google`), each is named after its own part of it (`google.cloud.storage`). Every name is the qualified name
by which a program reaches the thing; a method is written on its class (`requests.Session.get`). `call` and `type` take
one name or a list of names that share every fact of the entry. `version` and `source` say on which release the fact was
checked and where it was seen; they default to the file's own `[library]`.
"""

from __future__ import annotations

import enum

import msgspec


class Kind(enum.StrEnum):
    """What a call waits for: decides the rule that speaks."""

    HTTP = "http"
    RPC = "rpc"
    DB = "db"
    CACHE = "cache"
    BROKER = "broker"
    CLOUD = "cloud"
    MAIL = "mail"
    REMOTE = "remote"
    """An errand on another machine: ssh, ftp, telnet, LDAP, XML-RPC, the connect of a websocket."""
    SOCKET = "socket"
    SUBPROCESS = "subprocess"
    QUEUE = "queue"
    THREAD = "thread"
    """Work elsewhere that this program started: a thread, a process, a worker's task."""
    TASK = "task"
    SLEEP = "sleep"
    FILE = "file"
    INPUT = "input"
    DNS = "dns"


class Mode(enum.StrEnum):
    """`async`: an enclosing scope can bound it. `sync`: it blocks its thread, and no scope can."""

    ASYNC = "async"
    SYNC = "sync"


class Unit(enum.StrEnum):
    """Of a timeout given as a bare number."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


class Value(enum.StrEnum):
    """Values of a timeout that do not bound anything."""

    NONE = "none"
    ZERO = "zero"
    NEGATIVE = "negative"
    INFINITY = "infinity"


class Zero(enum.StrEnum):
    """What a timeout of 0 does."""

    FOREVER = "forever"
    POLL = "poll"
    ERROR = "error"
    AT_ONCE = "at-once"
    UNKNOWN = "unknown"


Names = str | tuple[str, ...]


class _Entry(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    version: str = ""
    source: str = ""
    note: str = ""
    dynamic: bool = False
    """Made at run time, so that the class or module does not show it: set on the instance, generated."""


class Until(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """What was the default in every release before `version`, where it was another one; named as in the entry."""

    version: str
    default: float | str | None = None
    command_default: float | str | None = None


class Api(_Entry, frozen=True, kw_only=True):
    """A call that can wait.

    `timeout` names the keyword(s) that bound it, most important first, empty if it takes none; `timeout_position` is
    the 0-based position of the first among the call's arguments (`self` not counted), -1 where it is keyword-only.
    `default` is what applies when nothing is given: a number in `unit`, `"none"` (waits forever), `"client"` (what the
    instance's constructor says), or `"unknown"`. `forever` are the values that mean no limit. `coroutine = false` on an
    async entry: the call is no coroutine, so that it does something unawaited, or is entered or iterated instead.
    `socket_default`: where nothing is given, `socket.setdefaulttimeout()` bounds it. A timeout that only the server
    keeps to bounds nothing here: it stands in the note. `until`: older releases, see `Until`. `at_once`: constants,
    or calls, that among its arguments make it return without waiting (`os.WNOHANG`). `only_if`: it waits only where
    this argument is given (the host of `ftplib.FTP`); `unless`: only where none of these is (the canned answer of
    `litellm.completion`). `local`: it waits for this machine's disk or terminal only, whatever its kind.
    `retries`: as of a `Client`, whose own it goes before.
    `form` is how a time is written where no bare number is taken, with `{}` for the number
    (`aiohttp.ClientTimeout(total={})`); empty: a fix cannot write it. `whole`: it has to be a whole number. `streams`:
    it may go on for as long as the program does, by design (a stream of events).
    `refuses_none`: None as the timeout is an error.
    `local_schemes`: URLs, as its first argument, that it opens without a network (`data`, `file`).
    `given_url`: its first argument may be a text or a file as well, which it reads: it asks somebody only for a URL.
    `set_by`: methods that tell its instance how long to wait (`settimeout`), and `set_by_options` constants that do so
    among the arguments of another method: `default` is then that of an instance which was told nothing since it was
    made. `unless_made_with`: constants that among the arguments of its instance's constructor make it return without
    waiting (`socket.SOCK_DGRAM`).
    """

    call: Names
    kind: Kind
    mode: Mode
    timeout: Names = ()
    timeout_position: int = -1
    unit: Unit = Unit.SECONDS
    default: float | str = "none"
    forever: tuple[Value, ...] = (Value.NONE,)
    zero: Zero = Zero.UNKNOWN
    returns: str = ""
    retries: Names = ()
    read_only: bool = False
    coroutine: bool = True
    socket_default: bool = False
    at_once: tuple[str, ...] = ()
    local: bool = False
    only_if: str = ""
    only_if_position: int = -1
    unless: tuple[str, ...] = ()
    form: str = "{}"
    whole: bool = False
    refuses_none: bool = False
    local_schemes: tuple[str, ...] = ()
    given_url: bool = False
    set_by: tuple[str, ...] = ()
    set_by_options: tuple[str, ...] = ()
    unless_made_with: tuple[str, ...] = ()
    streams: bool = False
    until: tuple[Until, ...] = ()


class Client(_Entry, frozen=True, kw_only=True):
    """A type whose constructor can bound the calls made through it. `bases` are types whose methods it has too.

    `default` and `forever` as for `Api`. `timeout` empty: its constructor takes none, so a plain instance cannot carry
    a bound (`requests.Session`). `defers` names constructor keywords that can set a bound in a way not seen here
    (`transport`, `event_hooks`): where one is given, the client is not called untimed; `defers_position` is where the
    first of them may stand without its name. `bounds_all`: no call through it takes a timeout of its own, so that it is
    judged, and reported, where it is made. `socket_default` as for `Api`.

    `type` may be a function that makes one: `makes` says of which type (`asyncpg.connect`). Where connecting and what
    is asked afterwards are bounded apart, `timeout` is the connection's, and `command` the keywords that bound each
    command, with `command_default` when none is given (`asyncpg.connect(command_timeout=)`); both in `unit`. `url` is
    the argument that may be a URL or a connection string, in which a bound can stand under the same names: only a
    literal without one says that there is none.

    `retries` is the argument that says how often a call is made again after it has failed, a number or a policy of the
    `retry` table, `default_retries` what applies without it; a `delay` entry of the same name says how long it waits in
    between. `mounts` is the method that makes another client, its argument at `mounts_position`, send the requests:
    that one's retries count.

    `form` and `whole` as for `Api`.

    `open_methods`: its methods are made from a description of the service, so that no table has them: each asks the
    service for something, but those whose names begin with one of `own_methods`; those of `reading_methods` only read.
    """

    type: Names
    makes: str = ""
    open_methods: bool = False
    own_methods: tuple[str, ...] = ()
    reading_methods: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    timeout: Names = ()
    timeout_position: int = -1
    unit: Unit = Unit.SECONDS
    default: float | str = "unknown"
    forever: tuple[Value, ...] = (Value.NONE,)
    defers: tuple[str, ...] = ()
    defers_position: int = -1
    bounds_all: bool = False
    socket_default: bool = False
    kind: Kind | None = None
    command: tuple[str, ...] = ()
    command_default: float | str = "unknown"
    url: str = ""
    url_position: int = -1
    form: str = "{}"
    whole: bool = False
    until: tuple[Until, ...] = ()
    retries: Names = ()
    retries_position: int = -1
    default_retries: int = 0
    mounts: str = ""
    mounts_position: int = -1


class Driver(_Entry, frozen=True, kw_only=True):
    """Which library connects for a client that is made from a URL, by the URL's `scheme`: what that one's own call
    `client` says holds, and its arguments are given in a dict, as the timeout of `call`. `since` and `before` are the
    releases in which the scheme stands for that library, where it has stood for another one."""

    call: Names
    scheme: Names
    client: str
    since: str = ""
    before: str = ""


class TimeoutObject(_Entry, frozen=True, kw_only=True):
    """A value that carries timeouts (`httpx.Timeout`, `aiohttp.ClientTimeout`).

    `total` names the argument that sets all phases, with its position; `phases` the single ones. `bounding` are the
    arguments of which one finite value is enough to end a wait on a silent peer; `default` is what an argument that is
    not given means. `phases_win`: a phase that is given counts and the total does not; else the total bounds it too.
    `stages` are the phases that come one after another until a silent peer is given up; of each the first that is given
    counts.
    """

    type: Names
    total: str = ""
    total_position: int = -1
    phases: tuple[str, ...] = ()
    bounding: tuple[str, ...] = ()
    stages: tuple[tuple[str, ...], ...] = ()
    phases_win: bool = False
    default: float | str = "none"
    forever: tuple[Value, ...] = (Value.NONE,)


class Work(enum.StrEnum):
    """What a spawner is given to run."""

    COROUTINE = "coroutine"
    CALLABLE = "callable"


class Spawner(_Entry, frozen=True, kw_only=True):
    """A call that starts work which goes on by itself.

    `work_position` / `work_keyword`: the argument that is run. `has_owner`: something joins or cancels it (a task
    group), so that the result may be dropped. `strict`: dropping its result is worth a look, not a default report.
    `thread`: it runs in another thread or process, which a cancelled wait leaves running; `joined_at_exit`: a `with`
    on what it is called on waits for the work at its end. `ready`: it comes back when the work says that it is.
    `shield` is the call that keeps the cancellation of one who waits from the work; `done_callback` the method of the
    result that is told what to call with it when the work has ended. `other_loop`: a loop runs it that another thread
    turns.
    """

    call: Names
    work: Work
    work_position: int = 0
    work_keyword: str = ""
    has_owner: bool = False
    ready: bool = False
    strict: bool = False
    returns: str = ""
    thread: bool = False
    joined_at_exit: bool = False
    shield: str = ""
    done_callback: str = ""
    other_loop: bool = False


class Runner(_Entry, frozen=True, kw_only=True):
    """A call that runs what it is given, and comes back when that has ended (`asyncio.run`, `asyncio.to_thread`).

    `work_position` / `work_keyword` as for `Spawner`. `thread`: it runs in another thread or process, which a cancelled
    wait leaves running; with `waits` a cancellation does not end the wait before the work is done, unless one of the
    keywords `abandon` says that the work may be left behind. `own_loop`: it runs an event loop of its own, which is
    an error where one runs already, or stops that one; unless one of the members `asked_by` has told that none does, or
    one of the packages `nested_by` allows it.
    """

    call: Names
    work: Work
    work_position: int = 0
    work_keyword: str = ""
    thread: bool = False
    waits: bool = False
    abandon: tuple[str, ...] = ()
    own_loop: bool = False
    asked_by: tuple[str, ...] = ()
    nested_by: tuple[str, ...] = ()


class Startable(_Entry, frozen=True, kw_only=True):
    """A coroutine function that sets something up, and says by `keyword`, which a group's `start` gives it, when that
    is done (`trio.serve_tcp`)."""

    call: Names
    keyword: str = "task_status"


class ThreadEntry(_Entry, frozen=True, kw_only=True):
    """A type whose instance is a thread, once it is started.

    `target` / `target_position`: the callable that it runs; a subclass may have the method `run` instead. `daemon`:
    the keyword, and the attribute, that says that the program need not wait for it. `cancel`: the method that takes it
    back before it runs, and `interval` the argument that says after how many seconds it does (a timer); empty where
    there is none. `process`: it is a process of its own, and what it holds goes with it.
    """

    type: Names
    target: str
    target_position: int
    run: str = "run"
    daemon: str = "daemon"
    daemon_position: int = -1
    cancel: str = ""
    interval: str = ""
    interval_position: int = -1
    process: bool = False


class ExitHook(_Entry, frozen=True, kw_only=True):
    """A call whose first argument is called when the program ends, once all threads are over that are no daemons."""

    call: Names


class ExitMethod(_Entry, frozen=True, kw_only=True):
    """A type with a method that is called then, also where a subclass has its own."""

    type: Names
    method: str


class Outlived(_Entry, frozen=True, kw_only=True):
    """A wait whose end in time leaves running what it waits for.

    `raises` is what it raises when its own time is up (empty: it takes no timeout, and the scope around it raises).
    `ends` are the methods that end what is waited for, the surest first; `waits` those that wait for it; `names` the
    attributes by which it is ended from outside (a process's number).
    """

    call: Names
    raises: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class ScopeKind(enum.StrEnum):
    """What a scope does."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    TASK_GROUP = "task-group"
    SHIELD = "shield"


class Entering(enum.StrEnum):
    """How a scope takes effect. `await`: it is an awaitable wrapped around another (`asyncio.wait_for`)."""

    WITH = "with"
    ASYNC_WITH = "async with"
    EITHER = "either"
    AWAIT = "await"


class Clock(enum.StrEnum):
    """What a point in time is measured by. `relative` is a duration."""

    RELATIVE = "relative"
    LOOP = "loop"
    TRIO = "trio"
    MONOTONIC = "monotonic"
    WALL = "wall"


class Scope(_Entry, frozen=True, kw_only=True):
    """A cancel scope, timeout scope, task group, nursery or shield.

    `timeout` / `timeout_position` say which argument bounds it, on which `clock`; `wraps` is the position of the
    awaitable that it wraps (`entering = "await"`). `enters` is the type of what follows `as`. `starts_on_entry`: a
    relative timeout runs from the entry; else from the call. `refuses_none` as for `Api`.
    """

    call: Names
    kind: ScopeKind
    entering: Entering
    timeout: str = ""
    timeout_position: int = -1
    clock: Clock = Clock.RELATIVE
    forever: tuple[Value, ...] = (Value.NONE, Value.INFINITY)
    wraps: int = -1
    enters: str = ""
    reschedulable: bool = False
    starts_on_entry: bool = False
    refuses_none: bool = False


class ExceptionKind(enum.StrEnum):
    """What an exception says. `cancel`: by name. `broad`: a base that catches cancellations too. `cancel-error`: the
    ordinary exception with which a framework cancels."""

    CANCEL = "cancel"
    CANCEL_GETTER = "cancel-getter"
    CANCEL_ERROR = "cancel-error"
    BROAD = "broad"
    BROAD_GROUP = "broad-group"
    TIMEOUT = "timeout"
    NOT_YET = "not-yet"
    IO = "io"
    """Something outside the process failed, and may work when it is asked again."""


class ExceptionEntry(_Entry, frozen=True, kw_only=True):
    """An exception that the rules know. `framework`: asyncio, trio, anyio, threads, gevent, eventlet; empty for all.

    `bases` are catalogue exceptions that catch it too.
    """

    type: Names
    kind: ExceptionKind
    framework: str = ""
    bases: tuple[str, ...] = ()


class Produces(_Entry, frozen=True, kw_only=True):
    """The type of what a call returns (an awaited one: of what it gives), or of what `with call as x` binds; likewise
    of an attribute of a type (`trio.Nursery.cancel_scope`).

    `passes`: it gives its argument at this position as it is, awaited what that gives (`asyncio.wait_for`); a `with`
    on it binds the same (`contextlib.closing`). `opens`: it gives what a `with` on that argument binds
    (`ExitStack.enter_context`). `casts`: it gives an instance of what that argument names (`typing.cast`). `items`: it
    gives a tuple of these (`asyncio.open_connection`), "" for one of no interest. `running`: what it gives is an event
    loop that runs, and it fails with a RuntimeError where there is none; `current`: the task that it is asked in;
    `others`: tasks that others have started. `form_of`: it gives another form of its argument at this position, which
    is over when that is (`asyncio.wrap_future`).
    """

    call: Names
    returns: str = ""
    enters: str = ""
    passes: int = -1
    opens: int = -1
    casts: int = -1
    items: tuple[str, ...] = ()
    running: bool = False
    current: bool = False
    others: bool = False
    form_of: int = -1


class Partial(_Entry, frozen=True, kw_only=True):
    """A call that gives its first argument with some of that one's arguments set (`functools.partial`)."""

    call: Names


class Generated(_Entry, frozen=True, kw_only=True):
    """Classes of clients that a compiler writes into the project, or that are not there before it is built.

    `pattern` is what their qualified names look like. Each method is one of a library's callables: `unary` where it
    gives one answer, `stream` where it gives many, `async_unary` and `async_stream` those of a client whose constructor
    was given an `async_channel` at `position`, not a `channel`. `serves` are the calls that give a server of the
    library an address to serve at.
    """

    pattern: str
    unary: str
    stream: str
    async_unary: str
    async_stream: str
    channel: str
    async_channel: str
    position: int = 0
    serves: tuple[str, ...] = ()


class Injector(_Entry, frozen=True, kw_only=True):
    """A call that stands as a parameter's default, or in its `Annotated`, and says which callable makes the argument
    (`fastapi.Depends`). With no callable given, the annotated class itself does."""

    call: Names
    position: int = 0
    keyword: str = ""


class Field(_Entry, frozen=True, kw_only=True):
    """A call that declares a field in a class body (`dataclasses.field`).

    `value` / `value_position` say which argument is the field's value where no other is given, `factory` which ones
    make it. `init` is the keyword that takes the field out of the constructor, `private` that it never is in it.
    """

    call: Names
    value: str = "default"
    value_position: int = -1
    factory: tuple[str, ...] = ("default_factory",)
    init: str = ""
    private: bool = False


class Lookup(_Entry, frozen=True, kw_only=True):
    """A call that looks a setting up, and gives the default at `position` or `keyword` where there is none
    (`os.environ.get`)."""

    call: Names
    position: int = -1
    keyword: str = "default"


class TypeEntry(_Entry, frozen=True, kw_only=True):
    """A type whose calls the catalogue names elsewhere, with the bases whose methods it has too."""

    type: Names
    bases: tuple[str, ...] = ()


class Coroutine(_Entry, frozen=True, kw_only=True):
    """Coroutine functions besides the `async` entries of `api`: calling one does nothing until it is awaited.

    `was_plain`: one of the library's older versions, still in use, has plain functions in their place; so has a package
    that drops what they give and awaits none of them.
    """

    call: Names
    was_plain: bool = False


class Poll(_Entry, frozen=True, kw_only=True):
    """A form that asks and does not wait.

    With `position` or `keyword`: only where that argument is one of `values` (`"false"`, `"zero"`, `"missing"`).
    `raises` is what it raises for "not yet"; empty: it returns something false, or the state. `state`: it only reads a
    state (`done()`, `is_set()`). `named`: it waits by default, and asks only where a handler that names `raises` says
    that it was made to (`recv` on a non-blocking socket). `elsewhere`: the state is that of another process that no
    event loop can wait for.
    """

    call: Names
    position: int = -1
    keyword: str = ""
    values: tuple[str, ...] = ()
    raises: Names = ()
    state: bool = False
    named: bool = False
    elsewhere: bool = False


class Checkpoint(_Entry, frozen=True, kw_only=True):
    """A synchronous call that gives way: it sleeps, blocks, or raises a pending cancellation."""

    call: Names


class NoReturn(_Entry, frozen=True, kw_only=True):
    """A call that never returns normally. `given`: only where this call is among its arguments, and then the program
    may go on for a moment (`os.kill(os.getpid(), …)`)."""

    call: Names
    given: str = ""


class ClockEntry(_Entry, frozen=True, kw_only=True):
    """A call that reads a clock."""

    call: Names
    clock: Clock
    monotonic_instead: str = ""


class ClockSink(_Entry, frozen=True, kw_only=True):
    """A parameter that takes a point in time on a certain clock. `now` is an expression for that clock's now, on the
    module `now_module`, or else on what the method is called on."""

    call: Names
    position: int = -1
    keyword: str = ""
    clock: Clock
    now: str = ""
    now_module: str = ""


class Duration(_Entry, frozen=True, kw_only=True):
    """A parameter that takes a length of time, besides the timeouts that other tables speak of."""

    call: Names
    position: int = -1
    keyword: str = ""
    unit: Unit = Unit.SECONDS


class Suppressor(_Entry, frozen=True, kw_only=True):
    """A context manager that swallows the exception types it is given (`contextlib.suppress`)."""

    call: Names


class Counts(enum.StrEnum):
    """Which ways out of a function that leave a resource behind are reported by default; the others are strict."""

    ALL = "all"
    EXITS = "exits"
    """Those that are written in the text, and cancellations: not an error."""
    CANCELLED = "cancelled"
    """Cancellations alone."""


class Resource(_Entry, frozen=True, kw_only=True):
    """A call whose result somebody has to give back.

    `holds` says in a word what is held (`connection`, `file`, `process`). `release` are the methods of the result that
    give it back, the usual one first, `by_waiting` those of them that do so only once they return; `given_back` calls
    that take it as their first argument and do so (`os.close`, a pool's `release`). `collected`: it is given back at
    once where the last reference to it goes; `quiet`: and nobody warns of that, nor is anything lost by it. `counts`:
    which ways out are reported by default. `entered`: a `with` on it gives it back too; false where that ends something
    else (a transaction). `awaited`: the call is a coroutine function, what is awaited is the resource. `only_if`: a
    keyword that has to be true for the result to need giving back (`stream` of `requests.get`). `context_only`: it is
    held by entering it, the bare result holds nothing yet (`client.stream(…)`). `opened_by`: the result holds nothing
    before one of these methods of it has run (`start`, `connect`). `item`: the result is a tuple, and what is held
    stands there in it (the writer of `asyncio.open_connection`). `lent`: keywords with which it is made on something of
    another owner, and holds nothing of its own (a client's `transport`, where that is not made for it). `handles` are
    attributes by which whoever has them, or what they return, can give it back too (a process's `pid`). `unless` are
    arguments (`open=False`) with which the result holds nothing, or nothing before one of `opened_by` has run, which
    else it does from the start. `opened_by` is `["*"]` where each of its methods opens it.
    """

    call: Names
    holds: str
    release: tuple[str, ...] = ()
    given_back: tuple[str, ...] = ()
    by_waiting: tuple[str, ...] = ()
    collected: bool = False
    quiet: bool = False
    counts: Counts = Counts.ALL
    entered: bool = True
    awaited: bool = False
    only_if: str = ""
    context_only: bool = False
    opened_by: tuple[str, ...] = ()
    item: int = -1
    handles: tuple[str, ...] = ()
    async_with: bool = False
    lent: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class Lock(_Entry, frozen=True, kw_only=True):
    """A type that is acquired and released: locks, semaphores, conditions, limiters.

    `acquire` and `release` are its methods, the usual one first. `awaited`: acquiring is a coroutine. `thread`: it
    holds up threads, and blocks the one that waits for it. `reentrant`: the thread that holds it gets it again.
    `meanwhile` are its methods that give it back while they wait (`Condition.wait`).
    """

    type: Names
    acquire: tuple[str, ...] = ("acquire",)
    release: tuple[str, ...] = ("release",)
    awaited: bool = False
    thread: bool = False
    reentrant: bool = False
    meanwhile: tuple[str, ...] = ()


class Waiter(_Entry, frozen=True, kw_only=True):
    """A call that waits for tasks or futures that it is given (`asyncio.gather`, `asyncio.wait`).

    `many`: they are its positional arguments; else the first one is a collection of them. `cancels`: where the wait is
    cancelled, they are too. `timeout` and `early` are the keywords with which it comes back before all of them are
    done; with `early` where it is one of `early_values`. `pair`: it gives two sets, done and pending. `collects`: the
    keyword with which failures are among the results, and not raised.
    """

    call: Names
    many: bool = False
    cancels: bool = False
    timeout: str = ""
    timeout_position: int = -1
    early: str = ""
    early_values: tuple[str, ...] = ()
    pair: bool = False
    collects: str = ""


class Retry(_Entry, frozen=True, kw_only=True):
    """Something that calls again what has failed: a decorator, an iterator of attempts, an object that a client takes.

    `attempts` names the arguments that limit how often, `attempts_position` where the first one is; `seconds` those
    that limit how long it goes on in all, in `unit`. `default_attempts` and `default_seconds` are what applies where
    the first of each is not given, `"none"` for no limit. `forever` are values that mean no limit, `endless` names of
    the library that say so (`tenacity.stop_never`). `defers` names arguments that can end it in a way not seen here.
    `strict`: that it never ends is worth a look, not a default report. `delay` names the argument that says how long to
    wait in between, `default_delay` what applies without it; where it says neither, a `delay` entry of the same name
    does. `jitter` names an argument that says what is added to that.

    `after_first`: the attempts that it limits are those after a first one. The time that `seconds` limits is looked at
    between attempts, so that it can be overrun: by `over_attempts` attempts, with `over_delay` by one delay too.
    `elsewhere`: the next attempt is made later,
    by somebody else: who waits for this one does not wait for it. `when`: a failure makes it do so only where this
    argument is given.
    """

    call: Names
    attempts: tuple[str, ...] = ()
    attempts_position: int = -1
    seconds: tuple[str, ...] = ()
    unit: Unit = Unit.SECONDS
    default_attempts: float | str = "none"
    default_seconds: float | str = "none"
    forever: tuple[Value, ...] = (Value.NONE,)
    endless: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    defers: tuple[str, ...] = ()
    strict: bool = False
    delay: Names = ()
    delay_position: int = -1
    default_delay: float | str = "unknown"
    jitter: Names = ()
    after_first: bool = False
    over_attempts: int = 1
    over_delay: bool = False
    elsewhere: bool = False
    when: str = ""


class Part(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """A number that an argument gives; `default` where it is not given."""

    keyword: Names = ()
    position: int = -1
    default: float | None = None


class Combine(enum.StrEnum):
    """What several delays, or ends, that are given together mean."""

    SUM = "sum"
    CHAIN = "chain"
    """One after the other, the last one from then on."""
    ANY = "any"
    ALL = "all"


class Delay(_Entry, frozen=True, kw_only=True):
    """How long a retry waits before its next attempt, at most.

    Before the retry number n (from 1) that is `first` * `base` ** (n - 1) + `step` * (n - 1) + `jitter`, at least
    `least` and at most `most`, and `spread` on top. `from_second`: nothing before the first one. `shift` is added to n.
    `only_if`: it counts only where this argument is given; of several entries the longest counts. `combine`: it is
    made of the delays that are its arguments.
    """

    call: Names
    first: Part = Part(default=0.0)
    base: Part = Part(default=1.0)
    step: Part = Part(default=0.0)
    jitter: Part = Part(default=0.0)
    least: Part = Part(default=0.0)
    most: Part = Part()
    spread: Part = Part(default=0.0)
    unit: Unit = Unit.SECONDS
    from_second: bool = False
    shift: int = 0
    only_if: str = ""
    combine: Combine | None = None


class Stop(_Entry, frozen=True, kw_only=True):
    """When a retry ends: after so many `attempts`, or once so many `seconds` have passed, with `over_delay` as of a
    `Retry`. `combine`: it is made of those that are its arguments."""

    call: Names
    attempts: Part | None = None
    seconds: Part | None = None
    over_delay: bool = False
    combine: Combine | None = None


class Harmless(_Entry, frozen=True, kw_only=True):
    """Calls that do not fail in the course of things: they keep, count, look or log. `member` are names of methods that
    do no more than that whatever they are called on, for receivers that are not resolved."""

    call: Names = ()
    member: tuple[str, ...] = ()


class Winding(_Entry, frozen=True, kw_only=True):
    """A constant with which a thing is wound down before it is given back, which fails where the other side has gone
    (`sock.shutdown(socket.SHUT_RDWR)`)."""

    call: Names


class Cancellable(_Entry, frozen=True, kw_only=True):
    """A type with a method `cancel`: tasks, scopes, timers.

    `joined`: cancelling only asks for it, its work goes on until somebody has waited for it. `join` is an expression
    that does so and lets nothing of it come through, with `{}` for the thing, on the module `join_module`.
    """

    type: Names
    joined: bool = False
    join: str = ""
    join_module: str = ""


class Carrier(_Entry, frozen=True, kw_only=True):
    """A type whose instances carry a cancellation or a deadline into what they are given to (`grpc.ServicerContext`).

    `named`: only where the parameter's name says that it is told to stop by it (an event). `handed`: a framework hands
    one to each function that serves a request, whether or not that has a use for it.
    """

    type: Names
    named: bool = False
    handed: bool = False


class Taking(_Entry, frozen=True, kw_only=True):
    """A coroutine function that takes something out, of a queue or a stream: what it returns is nowhere else."""

    call: Names


class LimitPair(_Entry, frozen=True, kw_only=True):
    """A call that takes two limits in seconds, of which `soft` is a warning before `hard` ends all."""

    call: Names
    soft: str
    hard: str


class Undoing(_Entry, frozen=True, kw_only=True):
    """A call that undoes what its first argument stands for, and whose name alone would not say so to the rules
    (`os.remove` of a file)."""

    call: Names


class Callback(_Entry, frozen=True, kw_only=True):
    """A call that takes a callable at `position`, calls it later, and drops what it returns. `at_end`: it is called as
    an object goes away. `interrupts`: it is called in the middle of whatever is being done then."""

    call: Names
    position: int
    at_end: bool = False
    interrupts: bool = False


class Decorator(_Entry, frozen=True, kw_only=True):
    """A decorator that changes what a function is. `role`: contextmanager, fixture, abstract, overload, override,
    property, staticmethod, classmethod, dispatch, route, task, dataclass, coroutine (it runs a generator as one).
    `limits` are arguments with a number of seconds after which the function is ended, whatever it does; `makes` is the
    type whose methods what it gives has (`charge.delay(…)`)."""

    name: Names
    role: str
    limits: Names = ()
    makes: str = ""


class Framework(_Entry, frozen=True, kw_only=True):
    """How a library for asynchronous code cancels, by the name of its package.

    `until_left`: a cancellation is raised at every wait until its scope is left, and not once. `in_groups`: its task
    groups raise cancellations in an exception group. `as_error`: a cancellation is an ordinary `Exception`.
    `when_gone`: it cancels whoever waits for a peer that is gone.
    """

    name: str
    until_left: bool = False
    in_groups: bool = False
    as_error: bool = False
    when_gone: bool = False


class Immediate(_Entry, frozen=True, kw_only=True):
    """A coroutine method that never waits, unless the instance's constructor was given the argument `unless` (at
    `unless_position`) with a value other than 0. `in_steps`: it gives way to others on its way, but waits for nobody
    and nothing, or what it waits for goes on without it."""

    call: Names
    unless: str = ""
    unless_position: int = -1
    in_steps: bool = False


class Asking(_Entry, frozen=True, kw_only=True):
    """A function that says whether what it is given is to be awaited, or what it gives when it is called
    (`inspect.isawaitable`)."""

    call: Names


class Leaving(_Entry, frozen=True, kw_only=True):
    """A coroutine method that leaves the context managers which its object has entered, all of them, whatever becomes
    of each (`AsyncExitStack.aclose`)."""

    call: Names


class Serves(_Entry, frozen=True, kw_only=True):
    """A call that is given a function which then serves requests (`starlette.routing.Route("/pay", pay)`), at
    `position` or as `keyword`. `role`: route or task, as of a decorator."""

    call: Names
    position: int = -1
    keyword: str = ""
    role: str = "route"


class ServingClass(_Entry, frozen=True, kw_only=True):
    """A class whose subclasses serve requests, in the `methods` of these names that they define."""

    type: Names
    methods: tuple[str, ...]
    role: str = "route"


class Library(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """Head of a file. `name` is the package that is imported, `package` its name on PyPI (empty: standard library),
    `version` the release on which the entries were checked, `source` where. `needs` are packages that parts of it need,
    and that are not installed with it. `gone` is the release of Python that no longer has it."""

    name: str
    version: str
    source: str
    package: str = ""
    needs: tuple[str, ...] = ()
    gone: str = ""


class LibraryFile(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """A whole file. `alias` maps other spellings of a name (where it is defined, or re-exported) to the usual one; a
    key that ends in `.*` maps a whole prefix."""

    library: Library
    alias: dict[str, str] = {}
    api: tuple[Api, ...] = ()
    client: tuple[Client, ...] = ()
    timeout_object: tuple[TimeoutObject, ...] = ()
    spawner: tuple[Spawner, ...] = ()
    runner: tuple[Runner, ...] = ()
    startable: tuple[Startable, ...] = ()
    thread: tuple[ThreadEntry, ...] = ()
    outlived: tuple[Outlived, ...] = ()
    scope: tuple[Scope, ...] = ()
    exception: tuple[ExceptionEntry, ...] = ()
    produces: tuple[Produces, ...] = ()
    partial: tuple[Partial, ...] = ()
    generated: tuple[Generated, ...] = ()
    injector: tuple[Injector, ...] = ()
    field: tuple[Field, ...] = ()
    lookup: tuple[Lookup, ...] = ()
    type: tuple[TypeEntry, ...] = ()
    coroutine: tuple[Coroutine, ...] = ()
    poll: tuple[Poll, ...] = ()
    checkpoint: tuple[Checkpoint, ...] = ()
    no_return: tuple[NoReturn, ...] = ()
    clock: tuple[ClockEntry, ...] = ()
    clock_sink: tuple[ClockSink, ...] = ()
    duration: tuple[Duration, ...] = ()
    suppressor: tuple[Suppressor, ...] = ()
    decorator: tuple[Decorator, ...] = ()
    serves: tuple[Serves, ...] = ()
    serving_class: tuple[ServingClass, ...] = ()
    callback: tuple[Callback, ...] = ()
    resource: tuple[Resource, ...] = ()
    lock: tuple[Lock, ...] = ()
    retry: tuple[Retry, ...] = ()
    delay: tuple[Delay, ...] = ()
    stop: tuple[Stop, ...] = ()
    waiter: tuple[Waiter, ...] = ()
    harmless: tuple[Harmless, ...] = ()
    winding: tuple[Winding, ...] = ()
    undoing: tuple[Undoing, ...] = ()
    exit_hook: tuple[ExitHook, ...] = ()
    exit_method: tuple[ExitMethod, ...] = ()
    taking: tuple[Taking, ...] = ()
    framework: tuple[Framework, ...] = ()
    immediate: tuple[Immediate, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    asking: tuple[Asking, ...] = ()
    cancellable: tuple[Cancellable, ...] = ()
    carrier: tuple[Carrier, ...] = ()
    limit_pair: tuple[LimitPair, ...] = ()
    driver: tuple[Driver, ...] = ()
