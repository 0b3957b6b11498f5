"""Offsets that the walk counts are those of LibCST's `PositionProvider`, for the nodes it notes."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from cancelcheck.lower import LowerError, lower_module
from cancelcheck.lower.offsets import NotTheTextError, Offsets
from cancelcheck.lower.parsing import parse
from cancelcheck.lower.spans import Spans
from cancelcheck.model.source import SourceFile, line_starts
from tests.support.sources import fixture_files, label, read, standard_library

NOTED = (
    cst.BaseStatement,
    cst.BaseSmallStatement,
    cst.BaseSuite,
    cst.Else,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.Finally,
    cst.MatchCase,
    cst.BaseExpression,
    cst.BaseSlice,
    cst.CompFor,
    cst.MatchPattern,
)
"""The nodes that the walk must know by itself: whatever lowering asks for."""

ODD = {
    "empty": "",
    "one line end": "\n",
    "line ends": "\n\n  \n",
    "a comment": "# hi",
    "comments only": "# hi\n  # x\n\n",
    "no last line end": "x = 1  # c",
    "no last line end in a body": "def f():\n    return 1",
    "blanks at the end": "def f():\n    return 1\n   ",
    "crlf": "def f(a,\r\n  b):\r\n    return a \\\r\n  + b\r\n\r\n# e\r\n",
    "mixed line ends": "x = 1\r\ny = 2\nif x:\r\n\tz\r\n",
    "tabs": "if x:\n\ty = 1\n\tif z:\n\t\tw\n\telse:\n\t        q\n",
    "semicolons": "x = 1; y = 2 ; z(); import a;\nfor i in x: a; b;\n",
    "not ASCII": 'é = "日本" # ü\ndef ñ(): return é . ñ\nx = "\U0001d518"; y\n',
    "continued lines": "x = a \\\n  . b \\\n ( c )\nif a and \\\n   b: \\\n  pass\nassert x, \\\n  y\n"
    "from a \\\n import b\n",
    "indented comments": "if x:\n      # deep\n    y\n  # shallow\n# zero\nz\n",
    "parentheses": '((  # a\n  x  # b\n  # c\n))\n( ( a . b ) ) ( ( 1 ) ) [ ( 2 ) ]\n( "a"\n "b" )\n',
    "numbers": "1 .real; 1..x; 0x_ff; 1_0e3; 1j; ...\n",
    "decorators and definitions": """\
@dec  # c
# d

@b.c(  # e
   1, # f
)

# g
async  def f ( self , /, a : int = 1 , * args : x , k , j= 2 , ** kw , ) -> int :  # h
    # i
    "d"  ; x
    # j
  # k
@ d
class A ( B , metaclass = C , ) : x = 1
class D: pass
class E(): pass
def g(a, *, b): ...
""",
    "with": """\
async def f():
    async with ( a as b , c(d) as (e, f) , g , ) :  # c
        pass
    with (a, b): pass
    with (a), (b) as c: pass
    with (
        open(x) as y,  # hey
        # there
        z,
    ): pass
    with (yield): pass
    async  for x in (y) : z
    else : w
""",
    "formatted strings": """\
f"a{x!r:>{w}.{p}}b{ y = }c{{}}{f'{z}' 'u'}" "t" rf'''{
 a
}'''
(f"a" "b"  # c
  f"{x:%Y-%m}")
x = f"{a["b"]}"
""",
    "template strings": 'x = t"a{b!r:{c}}d"; y = f(x)\n',
    "walrus": "if (n := len(a)) > 10 and [y := f(x), y**2] : pass\nprint((a := 1, *b))\n",
    "stars": "a, *b = *c, d\nx[*a, 1:2, ::3, ...] = *y,\nf(*a, ** b)\n[*a, *(b)]\n{**a, **{ 'x' : y , }}\n"
    "for x in *a, *b: pass\nz = (* a , )\n",
    "subscripts": "x[()]; x[ a , ] ; x[:]; x[ a : b : c ]; x[::]\n",
    "match": """\
match ( x ) :  # c
    # d
    case 1 | "a" | -3j if y : pass
    case [ a , * _ , * b ] | ( c , d ) :
        pass
    case { "a" : 1 , ** rest , } :  pass
    case A ( 1 , b = 2 , ) as z: f(); g()
    case ( None ) : pass
    case a.b.c: pass
    case _ :
        x
    # e
  # f
match x, y:
    case *a, b: pass
    case a, : pass
""",
    "type parameters": """\
type X [ T : int , * Ts , ** P ] = list[T] ; y
def f [ T ] ( x : T ) -> T : ...
class C [ T ] ( B ) : ...
class D[T=int, *Ts=*tuple[int]]: ...
""",
    "exceptions": """\
try :
    x
# a
except  * ( A , B ) as e : y
except* C:
    z
else :
    w
finally :  # c
    v
try: a
except: b
try:
    x
finally: y
""",
    "lambdas": "f = lambda : 0\ng = lambda x , y = ( lambda * a , ** k : a ) , / , z=1 , * , w : ( x )\n"
    "h = (lambda*a:a)\n",
    "operators": "a = not  b  is   not c not   in d <  e != f if 0 else 1\n"
    "a @= b @ c // d ** - e >> f << g & h | i ^ ~ j % + k and l or m is n in o == p >= q <= r > s / t * u\n"
    "a //= 1; a **= 2; a >>= 3; a <<= 4; a &= 5; a ^= 6; a |= 7; a -= 8; a /= 9; a %= 1; a += 2; a *= 3\n",
    "comprehensions": "x = [ a for b in c if d if ( e ) for f in g ] + { a : b for c in d } + { x async for x in y }\n"
    "y = sum ( a for b in c )\n",
    "annotations": 'x : int\ny : int = 1\nz . a : "B" [ c ] = ( yield )\n',
    "imports": "import a . b as c , d\nfrom . . x import *\nfrom .. import ( a , b as c , # d\n  e , )\n"
    "from...x import(y)\nfrom a import b, c; from d import e\n",
    "small statements": "def f():\n    global a , b; nonlocal c\n    del a , b\n    del ( a ) , b [ 0 ]\n"
    "    assert a , b\n    raise\n    raise A from B\n    return\n    yield\n"
    "    x = yield from y\n    print(await ( z ))\n",
    "elif": "if a: b\n# c\nelif d :\n    e\n\nelif (f): g\n# h\nelse : i\n",
    "loops": "while ( True ) : break\nelse: x\nwhile y:\n  continue\n",
}

FILES = [*fixture_files(), *standard_library(25, max_size=60_000)]


def assert_same_spans(text: str) -> None:
    module = parse(text)
    offsets = Offsets(module, text, 0)
    ranges = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    starts = line_starts(text)
    for node, place in ranges.items():
        assert isinstance(place, CodeRange)
        expected = (
            starts[place.start.line - 1] + place.start.column,
            starts[place.end.line - 1] + place.end.column if place.end.line <= len(starts) else len(text),
        )
        if id(node) in offsets.spans:
            assert offsets.spans[id(node)] == expected, node
        elif isinstance(node, NOTED):
            # nobody asks for the names behind a dot, or before an equals sign
            assert isinstance(node, cst.Name), node


READ_FROM = {"template strings": (1, 8, 4), "match": (1, 9)}
"""Releases of LibCST from which on it takes that code: those before do not parse it, or do not validate it."""


@pytest.fixture
def odd(name: str) -> str:
    release = tuple(int(part) for part in version("libcst").split(".")[:3])
    if release < READ_FROM.get(name, ()):
        pytest.skip("this LibCST does not take it")
    return ODD[name]


@pytest.mark.parametrize("name", ODD)
def test_spans_of_odd_code_are_those_of_the_position_provider(odd: str) -> None:
    assert_same_spans(odd)


@pytest.mark.parametrize("path", FILES, ids=label)
def test_spans_of_files_are_those_of_the_position_provider(path: Path) -> None:
    assert_same_spans(read(path))


@pytest.mark.parametrize("name", ODD)
def test_the_generator_says_the_same(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotTheTextError

    module = parse(odd)
    walked = Spans(module, odd)
    monkeypatch.setattr("cancelcheck.lower.spans.Offsets", refuse)
    generated = Spans(module, odd)
    assert walked.exact
    assert generated.exact
    assert {key: generated.where[key] for key in walked.where} == dict(walked.where)


@pytest.mark.parametrize("text", ["x = 1\n\f\ndef f(): pass\n\fclass A: pass\n", "x = 1\ry = 2\r"])
def test_a_tree_that_does_not_give_back_the_text_is_not_exact(text: str) -> None:
    module = parse(text)
    with pytest.raises(NotTheTextError):
        Offsets(module, text, 0)
    assert Spans(module, text).exact == (module.code == text)


@pytest.mark.parametrize("other", ["xy = 1  # c\n", "y = 1  # c\n", "x = 2  # c\n", "x = 1  # d\n", "x = 1  # c\n\n"])
def test_a_text_that_is_not_the_tree_s_is_refused(other: str) -> None:
    with pytest.raises(NotTheTextError):
        Offsets(parse("x = 1  # c\n"), other, 0)


def test_a_node_that_the_walk_does_not_note_is_found() -> None:
    text = "a . b\n"
    module = parse(text)
    statement = module.body[0]
    assert isinstance(statement, cst.SimpleStatementLine)
    expression = statement.body[0]
    assert isinstance(expression, cst.Expr)
    assert isinstance(expression.value, cst.Attribute)
    spans = Spans(module, text)
    assert id(expression.value.attr) not in spans.where
    assert spans.where[id(expression.value.attr)] == (4, 5)


def test_parsing_leaves_validation_as_it_was() -> None:
    before = cst.CSTNode.__post_init__
    parse("x = 1\n")
    assert cst.CSTNode.__post_init__ is before
    with pytest.raises(cst.ParserSyntaxError):
        parse("x = (\n")
    with pytest.raises(cst.CSTValidationError):
        cst.Name("not a name")


@pytest.mark.parametrize(
    "text",
    ["x = 'a' b'b'\n", "x = b'a' f'b'\n", "x = (b'a' b'b'\n 'c')\n", "try: a\nexcept: b\nexcept A: c\n"],
)
def test_what_only_validation_finds_is_still_found(text: str) -> None:
    with pytest.raises(LowerError, match="cannot be parsed"):
        lower_module(SourceFile("a.py", text))
