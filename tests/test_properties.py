"""What holds for every file, tried on the fixtures, the standard library, and programs that hypothesis makes up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancelcheck.lower import LowerError, lower_module
from cancelcheck.lower.module import facts_of as facts_of_tree
from cancelcheck.lower.places import UnsureError, parsed
from cancelcheck.model.facts import (
    AnyNode,
    Attr,
    Await,
    Call,
    Enter,
    Except,
    ModuleFacts,
    Name,
    Region,
    RegionKind,
    Store,
    StoreAttr,
)
from cancelcheck.model.source import SourceFile
from tests.support.facts import broken_promises
from tests.support.positions import Positions, Span
from tests.support.programs import programs
from tests.support.sources import fixture_files, label, read, standard_library

SAMPLE = [*fixture_files(), *standard_library(40, max_size=40_000)]

COROUTINE = """\
async def f(x: 'list[int]', y):
    async with a.b(x) as c, d:
        try:
            await c.e(y, *x)
        except (A, B.c) as error:
            return await g(lambda z: z.h)
        finally:
            await c.aclose()
"""

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

LAYOUTS = {
    "plain": COROUTINE,
    "crlf": COROUTINE.replace("\n", "\r\n"),
    "cr": COROUTINE.replace("\n", "\r"),
    "tabs": COROUTINE.replace("    ", "\t"),
    "leading form feed": "\f" + COROUTINE,
    "form feed between": "import a\n\f\n" + COROUTINE,
    "non-ascii": COROUTINE.replace("a.b(x)", "a.b('é', '\U0001f600', ünï)").replace("error", "ошибка"),
    "parentheses": COROUTINE.replace("await c.e(y, *x)", "(  await ((c) . e)(\n(y)  ,*( x ) )  )"),
    "continued lines": COROUTINE.replace("await c.e", "await \\\n   c \\\n .e"),
    "no line end": COROUTINE.rstrip("\n"),
    "comments": COROUTINE.replace("\n", "  # why\n"),
    "blank lines": COROUTINE.replace("\n", "\n\n   \n"),
    "one line": "async def f(): await a.b; await (c)\n",
    "empty": "",
    "white space only": "  \n\t\n",
    "comment only": "# nothing",
}


ODD = {
    "texts": """a = ("b"  # c
     f"{d.e!r:>{f}} {g(h)=}" 'i' rf'\\{j}')
k = b"l" b'm'
n = f"{o}" f"" f"{ (p) }{q['r']}"
""",
    "tuples": "a = (b), (c)\nd = ((e), (f))\ng = ((h, i))\nj = ()\nk = (l,)\nm[n, o]; m[(n, o)]; m[n,]; m[()]\n",
    "comprehensions": "a((b) for (c) in (d) if (e) for f in g)\nh = ((i for i in (j)  # k\n))\n{l: (m) for l in n}\n",
    "subscripts": "a[1: ]; a[ :b]; a[::c] ; a[d:e, f: , :]; a[b:=c]\n",
    "handlers": "try: a\nexcept (B): c\nexcept (D, E): f\nexcept (G or H).i: j\nexcept (K) as l: m;\n"
    "else: n;\nfinally: o\n",
    "calls": "a(b=c, *d, **e); a(*f, g); a(h for h in i); a((j for j in k),)\nclass L(M, *n, o=p, **q): pass\n",
    "semicolons": "if a: b; c;\nelif d: e\nelse:\n    if f: g;\nwhile h: i;\n",
    "heads": "async  def a(b, /, c=1, *, d: (int) = 2, **e) -> (f): pass\n"
    "class G ( ) : # h\n    i: j = (k)\nlambda *l, m=n: (o)\n",
    "patterns": "match a, (b):\n  case [c, *d] | (e, _) if f: g\n  case (h), i: j\n  case {'k': l, **m} | {**n}: o\n"
    "  case P.q(1, r, s=-1 as t, u=[*_]): v\n  case (None | True | 'w' | X.y) as z: pass\n  case [a], b: c\n"
    "  case ( [d] ), e : f\n  case (): g\n  case []: h\n  case ((i)): j\n  case (k,): l\n  case _: m;\n",
    "words beyond ASCII": "é = 'ü'; ñ.ö(ß=1, *æ)  # ø\nf'{é}{ñ.ö}'; ('ü', b)\n",
}
"""Where the two parsers count differently."""


def facts_of(text: str) -> ModuleFacts:
    return lower_module(SourceFile("a.py", text, module="package.a"))


def nodes_of(facts: ModuleFacts) -> Iterator[AnyNode]:
    for function in facts.functions:
        yield from function.nodes


def regions_of(facts: ModuleFacts, *kinds: RegionKind) -> Iterator[Region]:
    for function in facts.functions:
        yield from (region for region in function.regions if region.kind in kinds)


def assert_same_offsets(text: str) -> None:
    """Compares the facts' offsets with `PositionProvider`'s. What is read only as a quoted annotation is left out:
    LibCST sees one text there."""
    facts = facts_of(text)
    theirs = Positions(text)
    quoted = {theirs.of(node) for node in theirs.all(cst.SimpleString)}

    def ours(*kinds: type[AnyNode]) -> Counter[Span]:
        spans = Counter((node.start, node.end) for node in nodes_of(facts) if isinstance(node, kinds))
        return Counter({span: count for span, count in spans.items() if span not in quoted})

    def expected(kind: type[cst.CSTNode]) -> Counter[Span]:
        return Counter(theirs.of(node) for node in theirs.all(kind))

    skipped = [theirs.of(node) for kind in (cst.TypeParameters, cst.MatchClass) for node in theirs.all(kind)]
    calls = {span for span in expected(cst.Call) if not any(a <= span[0] and span[1] <= b for a, b in skipped)}
    assert set(ours(Call)) == calls
    assert set(ours(Await)) == set(expected(cst.Await))
    assert set(ours(Name, Store)) <= set(expected(cst.Name))
    assert set(ours(Attr, StoreAttr)) <= set(expected(cst.Attribute))
    entered = sorted((node.start, node.end) for node in nodes_of(facts) if isinstance(node, Enter))
    assert entered == sorted(theirs.of(item.item) for item in theirs.all(cst.WithItem))
    handlers = [*theirs.all(cst.ExceptHandler), *theirs.all(cst.ExceptStarHandler)]
    assert sorted(node.start for node in nodes_of(facts) if isinstance(node, Except)) == sorted(
        theirs.of(node)[0] for node in handlers
    )
    for kinds, statements in (
        ((RegionKind.TRY,), (cst.Try, cst.TryStar)),
        ((RegionKind.HANDLER,), (cst.ExceptHandler, cst.ExceptStarHandler)),
        ((RegionKind.LOOP,), (cst.For, cst.While)),
    ):
        spans = Counter((region.start, region.end) for region in regions_of(facts, *kinds))
        assert spans == sum((expected(statement) for statement in statements), Counter())
    withs = {(region.start, region.end) for region in regions_of(facts, RegionKind.WITH)}
    assert withs == set(expected(cst.With))
    functions = {(function.start, function.end) for function in facts.functions[1:]}
    defined = expected(cst.FunctionDef) + expected(cst.ClassDef) + expected(cst.Lambda)
    assert functions <= set(defined) | quoted
    assert set(expected(cst.FunctionDef)) | set(expected(cst.ClassDef)) <= functions


def assert_round_trip(text: str) -> None:
    facts = facts_of(text)
    data = msgspec.msgpack.encode(facts)
    assert msgspec.msgpack.decode(data, type=ModuleFacts) == facts
    assert msgspec.msgpack.encode(facts_of(text)) == data


def assert_same_from_either_parser(text: str) -> None:
    """The interpreter's parser and LibCST's give the same facts."""
    facts = lower_module(SourceFile("a.py", text, module="package.a"))
    whole = lower_module(SourceFile("a.py", text, module="package.a"), whole=True)
    whole.exact = facts.exact  # LibCST may have lost white space
    assert msgspec.msgpack.encode(facts) == msgspec.msgpack.encode(whole)


def is_left_to_libcst(text: str) -> bool:
    tree = parsed(text)
    try:
        return tree is None or not facts_of_tree(SourceFile("a.py", text, module="package.a"), tree)
    except UnsureError:
        return True


@pytest.mark.parametrize("path", SAMPLE, ids=label)
def test_either_parser_gives_the_same_facts(path: Path) -> None:
    assert_same_from_either_parser(read(path))


@pytest.mark.parametrize("text", [*LAYOUTS.values(), *ODD.values()], ids=[*LAYOUTS, *ODD])
def test_either_parser_gives_the_same_facts_of_any_layout(text: str) -> None:
    assert_same_from_either_parser(text)
    assert not is_left_to_libcst(text)


def test_a_letter_that_cpython_writes_another_way_is_left_to_libcst() -> None:
    text = "\U0001d4d0 = 1\n"
    assert is_left_to_libcst(text)
    assert [node.id for node in nodes_of(facts_of(text)) if isinstance(node, Store)] == ["\U0001d4d0"]


def test_hardly_any_file_is_left_to_libcst() -> None:
    left = [path.name for path in SAMPLE if is_left_to_libcst(read(path))]
    assert len(left) <= len(SAMPLE) // 10


@pytest.mark.parametrize("path", SAMPLE, ids=label)
def test_facts_keep_their_promises(path: Path) -> None:
    text = read(path)
    facts = facts_of(text)
    if facts.exact:
        assert broken_promises(facts, text) == []


@pytest.mark.parametrize("path", SAMPLE, ids=label)
def test_offsets_are_those_of_libcst(path: Path) -> None:
    text = read(path)
    if facts_of(text).exact:
        assert_same_offsets(text)


@pytest.mark.parametrize("path", SAMPLE, ids=label)
def test_facts_survive_being_stored(path: Path) -> None:
    assert_round_trip(read(path))


def test_hardly_any_file_is_inexact() -> None:
    inexact = [path.name for path in SAMPLE if not facts_of(read(path)).exact]
    assert len(inexact) <= len(SAMPLE) // 20


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_has_exact_offsets(text: str) -> None:
    facts = facts_of(text)
    assert broken_promises(facts, text) == []
    assert_same_offsets(text)
    assert_round_trip(text)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_changes_nothing_but_offsets(text: str) -> None:
    if "def f" not in text or "c.aclose" not in text:
        pytest.skip("another program")
    assert shape(facts_of(text))[-3:] == shape(facts_of(COROUTINE))[-3:]


def shape(facts: ModuleFacts) -> list[tuple[str, list[list[int]], list[str]]]:
    """What a function does, without where it stands."""
    return [
        (
            function.qualname,
            [[*block.next, block.on_error, block.region] for block in function.blocks],
            [region.kind.value for region in function.regions],
        )
        for function in facts.functions
    ]


DROPPED = {
    "a blank before a handler's colon": "try:\n    a()\nexcept (A, B) :\n    b()\nlater()\n",
    "a form feed before a statement": "a()\n\fb()\nlater()\n",
}
"""Texts of which LibCST does not give back every character."""


@pytest.mark.parametrize("text", DROPPED.values(), ids=DROPPED.keys())
def test_a_text_that_libcst_does_not_give_back_is_said_to_be_inexact(text: str) -> None:
    assert not lower_module(SourceFile("a.py", text, module="package.a"), whole=True).exact
    assert facts_of(text).exact


@pytest.mark.parametrize("text", DROPPED.values(), ids=DROPPED.keys())
def test_white_space_that_libcst_drops_moves_nothing(text: str) -> None:
    assert broken_promises(facts_of(text), text) == []


QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
THOROUGH = settings(QUICK, max_examples=1000)


@QUICK
@given(programs())
def test_made_up_programs_are_lowered(text: str) -> None:
    facts = facts_of(text)
    assert broken_promises(facts, text) == []
    assert_round_trip(text)


@QUICK
@given(programs())
def test_made_up_programs_give_the_same_facts_from_either_parser(text: str) -> None:
    assert_same_from_either_parser(text)


@QUICK
@given(programs())
def test_made_up_programs_have_exact_offsets(text: str) -> None:
    assert_same_offsets(text)


@pytest.mark.slow
@THOROUGH
@given(programs(max_depth=4))
def test_thousands_of_made_up_programs(text: str) -> None:
    facts = facts_of(text)
    assert broken_promises(facts, text) == []
    assert_same_offsets(text)


@QUICK
@given(programs().flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])))
def test_half_a_program_is_an_error_with_a_line_or_facts(text: str) -> None:
    try:
        facts = facts_of(text)
    except LowerError as error:
        assert 1 <= error.line <= text.count("\n") + 2
        assert error.reason
    else:
        assert broken_promises(facts, text) == []
