"""What a file says about cancellation, as plain data. `lower` writes it, `link` and the rules read it.

A file is a list of functions (its own body, class bodies and lambdas are functions too). A function is a list of
*nodes* in the order of evaluation, operands before what uses them. A *block* is a run of nodes that are evaluated one
after the other; its `next` are the blocks that may follow, its `on_error` is where an exception, a cancellation
included, goes from any of its nodes. A *region* is a lexical span that blocks lie in: `with`, `try`, handler, loop.

All references are indices into the lists of the same function, -1 for "none", so that facts serialise as they are, to
the same bytes for the same text. Offsets count characters from the start of the file.
"""

from __future__ import annotations

import enum

import msgspec


class Node(msgspec.Struct, tag=True, array_like=True, gc=False):
    """Anything that is evaluated. `parent` is the node that uses the value; a statement has none."""

    start: int
    end: int
    parent: int


# --- expressions -----------------------------------------------------------------------------------------------------


class Name(Node):
    """A name that is read. Names of comprehension scopes bear a suffix `·n` that is theirs alone."""

    id: str


class Attr(Node):
    """`value.attr`, read."""

    value: int
    attr: str


class Arg(msgspec.Struct, array_like=True, gc=False):
    """One argument: `keyword` is empty for a positional one; `star` is 1 for `*value`, 2 for `**value`."""

    value: int
    keyword: str = ""
    star: int = 0


class Call(Node):
    """`func(args)`. `close` is the offset of the closing parenthesis: where an edit adds an argument."""

    func: int
    args: list[Arg]
    close: int


class Await(Node):
    """`await value`."""

    value: int


class Yield(Node):
    """`yield value`, or `yield from value`."""

    value: int
    is_from: bool


class Const(Node):
    """A literal. `kind`: none, bool, int, float, str, bytes, complex, ellipsis. Long texts are cut; `value` is None
    where the kind says all there is to know, or the number does not fit 64 bits."""

    kind: str
    value: bool | int | float | str | None


class Display(Node):
    """A tuple, list, set or dict display. `keys` stands beside `items` for a dict, -1 for `**item`."""

    kind: str
    items: list[int]
    keys: list[int]


class Starred(Node):
    """`*value` in a display or an assignment target."""

    value: int


class Operation(Node):
    """An operator on its operands: arithmetic, comparison chains (`op` is the operators joined by blanks), `not`,
    `and`, `or`, `if` (test, then, else), `f` (a formatted string), `:` (a slice)."""

    op: str
    operands: list[int]


class Subscript(Node):
    """`value[index]`, read."""

    value: int
    index: int


class Lambda(Node):
    """A lambda; `function` is its place in the module's functions."""

    function: int


class Comprehension(Node):
    """A comprehension, after its loops. `kind`: list, set, dict, generator. `region` is the outermost loop's."""

    kind: str
    elements: list[int]
    region: int


# --- targets ---------------------------------------------------------------------------------------------------------


class Store(Node):
    """A name that is bound."""

    id: str


class StoreAttr(Node):
    """`value.attr = …`"""

    value: int
    attr: str


class StoreItem(Node):
    """`value[index] = …`"""

    value: int
    index: int


class Unpack(Node):
    """A tuple or list of targets."""

    items: list[int]


# --- statements and control ------------------------------------------------------------------------------------------


class Expr(Node):
    """An expression statement."""

    value: int


class Assign(Node):
    """An assignment; `op` for an augmented one, `annotation` for an annotated one, `value` -1 for a bare annotation.
    A walrus is one with a parent."""

    targets: list[int]
    value: int
    annotation: int
    op: str


class Delete(Node):
    """`del`; `names` are the plain names among the targets."""

    names: list[str]
    operands: list[int]


class Return(Node):
    """`return value`."""

    value: int


class Raise(Node):
    """`raise exc from cause`; bare where `exc` is -1."""

    exc: int
    cause: int


class Jump(Node):
    """`break` or `continue`; `loop` is the region of the loop that it is about."""

    kind: str
    loop: int


class Test(Node):
    """A value whose truth decides where to go. `kind`: if, while, assert, case, ifexp, and, or, filter."""

    kind: str
    value: int


class Enter(Node):
    """A `with` item is entered. `context` is its expression, `target` what follows `as`."""

    context: int
    target: int
    is_async: bool
    region: int


class Exit(Node):
    """The same item is left. `on_error` says that an exception is what leaves it."""

    enter: int
    is_async: bool
    on_error: bool


class Iterate(Node):
    """The next turn of a loop is asked for."""

    iterable: int
    target: int
    is_async: bool


class Except(Node):
    """A handler begins. `caught` is -1 for a bare one; `is_group` for `except*`."""

    caught: int
    name: str
    is_group: bool
    region: int


class Define(Node):
    """`def` or `class`. `function` is the body's place in the module's functions."""

    name: str
    function: int
    decorators: list[int]
    bases: list[Arg]


class Import(Node):
    """An import: pairs of the local name and the absolute dotted path it stands for. `from x import *` binds `*`."""

    names: list[tuple[str, str]]


AnyNode = (
    Name
    | Attr
    | Call
    | Await
    | Yield
    | Const
    | Display
    | Starred
    | Operation
    | Subscript
    | Lambda
    | Comprehension
    | Store
    | StoreAttr
    | StoreItem
    | Unpack
    | Expr
    | Assign
    | Delete
    | Return
    | Raise
    | Jump
    | Test
    | Enter
    | Exit
    | Iterate
    | Except
    | Define
    | Import
)


# --- structure -------------------------------------------------------------------------------------------------------


class BlockEnd(enum.StrEnum):
    """How a block ends."""

    FLOW = "flow"
    """It goes on to one of `next`."""
    RETURN = "return"
    """The function returns, or falls off its end."""
    RAISE = "raise"
    """An exception goes on to `on_error`; `next` then holds where it goes if a context manager swallows it."""


class Block(msgspec.Struct, array_like=True, gc=False):
    """Nodes `[start, end)` of the function, evaluated one after the other.

    A `finally` is lowered once, for all the ways that lead through it. `leaves` says how a block jumps into one
    (return, break, continue; empty: it falls into it); `resumes` which way a block that follows one goes on (the same,
    or end, raise). A path that comes in by one way goes on by the same.
    """

    start: int
    end: int
    next: list[int]
    on_error: int
    region: int
    ends: BlockEnd = BlockEnd.FLOW
    leaves: str = ""
    resumes: str = ""


class RegionKind(enum.StrEnum):
    """What a region is."""

    BODY = "body"
    TRY = "try"
    """A whole `try` statement; the four kinds below are its children."""
    PROTECTED = "protected"
    HANDLER = "handler"
    ORELSE = "orelse"
    FINALLY = "finally"
    WITH = "with"
    LOOP = "loop"
    LOOP_ELSE = "loop-else"
    COMPREHENSION = "comprehension"
    BRANCH = "branch"
    """One arm of an `if` or a `match`."""


class Region(msgspec.Struct, array_like=True, gc=False):
    """A lexical span. `node`: the Enter of a WITH, the Except of a HANDLER, the Iterate or Test of a LOOP; else -1.
    `entry` is its first block."""

    kind: RegionKind
    parent: int
    start: int
    end: int
    node: int = -1
    entry: int = -1


class ParamKind(enum.StrEnum):
    """How a parameter takes its argument."""

    POSITIONAL_ONLY = "positional-only"
    PLAIN = "plain"
    KEYWORD_ONLY = "keyword-only"
    VAR_POSITIONAL = "var-positional"
    VAR_KEYWORD = "var-keyword"


class Param(msgspec.Struct, array_like=True, gc=False):
    """A parameter. `default` and `annotation` are nodes of the *enclosing* function, where they are evaluated."""

    name: str
    kind: ParamKind
    start: int
    end: int
    default: int = -1
    annotation: int = -1


class FunctionKind(enum.StrEnum):
    """What a function stands for."""

    MODULE = "module"
    CLASS = "class"
    DEF = "def"
    LAMBDA = "lambda"


class Function(msgspec.Struct, array_like=True, gc=False):
    """A function, method, lambda, class body, or a module's own body.

    `qualname` is dotted within the module, without `<locals>`; `parent` is the enclosing function; `define` is its
    Define or Lambda node there; `returns` the node of its return annotation there. `start`/`end` span the statement
    without decorators; `head` is the offset just after the header's colon. `bound` lists, for each name that its body
    binds, the nodes that do so (parameters bind with -1). `is_stub`: the body is nothing but a docstring, `pass`,
    `...` or `raise NotImplementedError`.
    """

    name: str
    qualname: str
    kind: FunctionKind
    is_async: bool
    parent: int
    start: int
    end: int
    head: int
    define: int = -1
    returns: int = -1
    is_generator: bool = False
    is_stub: bool = False
    params: list[Param] = msgspec.field(default_factory=list)
    decorators: list[int] = msgspec.field(default_factory=list)
    nodes: list[AnyNode] = msgspec.field(default_factory=list)
    blocks: list[Block] = msgspec.field(default_factory=list)
    regions: list[Region] = msgspec.field(default_factory=list)
    bound: dict[str, list[int]] = msgspec.field(default_factory=dict)
    global_names: list[str] = msgspec.field(default_factory=list)
    nonlocal_names: list[str] = msgspec.field(default_factory=list)


class ModuleFacts(msgspec.Struct, array_like=True):
    """All of one file. `functions[0]` is the module's own body; a parent comes before its children.

    `exact` is False where the parser's tree does not give back the file's text to the letter: no edit may then be
    made. `libraries` are the top-level packages that the file imports: they decide which catalogue data is loaded.
    """

    module: str
    is_package: bool
    exact: bool
    functions: list[Function]
    libraries: list[str]
