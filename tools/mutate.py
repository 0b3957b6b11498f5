"""Changes rules and what they ask, one small change at a time, and looks whether a fixture notices.

    python tools/mutate.py cancelcheck/rules/can101_lost_task.py            every change of a file
    python tools/mutate.py cancelcheck/link --total 300 --seed 1             some of all files of a folder
    python tools/mutate.py cancelcheck/rules --sample 5                      some of each file of a folder
    python tools/mutate.py FILE --line 57                                    those of one line

A comparison is turned round, `and` becomes `or`, a `not` is dropped, a condition is always true or never, a constant is
another one, a `return` gives nothing where it gave something, a statement is left out. A node that is not there is -1,
and is asked for by `>= 0` and `< 0`: that is turned round, its numbers are left, for no other would be told from them.
To work out anew what is kept (`if known is None: known = kept[key] = …`) takes time and comes to the same: that is left
out too.

The fixtures are run in this one process with the changed function in the place of the right one: the files of all
rules, all projects, and the budgets, of these those that come to the changed statement, which is written down for each
of them first. What a rule says (messages, helps, traces) is left as it is: fixtures tell places. What no fixture
notices is shown with its line; it is a fixture that is missing, code that nobody needs, or the same in other words.
What has been read and is the same in other words stands in `tools/mutants.toml` with its reason, and is counted by
itself. Ends in 1 when fewer than `--least` in 100 of the others are noticed. With `--notes FILE` what the fixtures come
to is written down there, and read again for those that have not changed while the code has not. Needs the `dev` extra.
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import importlib
import itertools
import json
import sys
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cancelcheck.engine import pipeline, watch  # noqa: E402
from cancelcheck.fixing import fix_until_stable  # noqa: E402
from cancelcheck.link import undoing  # noqa: E402
from cancelcheck.link.paths import conditions  # noqa: E402
from cancelcheck.link.promises import marking  # noqa: E402
from cancelcheck.model.facts import ModuleFacts  # noqa: E402
from cancelcheck.model.source import SourceFile  # noqa: E402
from tests.support.budgets import budget_problems  # noqa: E402
from tests.support.checking import check_fixture, file_problems, project_problems  # noqa: E402
from tests.support.fixtures import budget_cases, fixed_path, project_cases, read_fixture, single_files  # noqa: E402

SECONDS = 5.0
"""Processor time for one file of a fixture: a change may make an endless loop."""

READ = ROOT / "tools" / "mutants.toml"
"""Changes that were read and are the same in other words."""

NOTED = ROOT / "cancelcheck"
"""The code whose lines are written down for a later run."""

Reached = tuple[float, dict[str, list[int]]]
"""The seconds that a case takes, and the lines of each file that it comes to."""


@dataclass(frozen=True)
class Mutant:
    """One change: in the function `name` of `file`, what stands from `start` to `end` becomes `text`. It is come to
    where one of the lines `first` to `last` is. `head` is what the function, from `begin` to `finish`, is compiled
    behind."""

    file: str
    name: str
    head: str
    begin: int
    finish: int
    line: int
    start: int
    end: int
    text: str
    what: str
    first: int
    last: int


@dataclass
class Changed:
    """A file of which changes are tried. `reached` has, for each line, the cases that come to it."""

    path: Path
    text: str
    module: ModuleType
    mutants: list[Mutant]
    reached: dict[int, list[int]] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Its path from the root."""
        return self.path.relative_to(ROOT).as_posix()

    def words(self, mutant: Mutant) -> tuple[str, str, str, str, str]:
        """What a change is known by, wherever its line has gone: file, function, line, what was there, what is."""
        line = self.text.splitlines()[mutant.line - 1].strip()
        return self.shown, mutant.name, line, one_line(self.text[mutant.start : mutant.end]), one_line(mutant.text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--sample", type=int, help="so many changes of each file")
    parser.add_argument("--total", type=int, help="so many changes of all files together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--line", type=int)
    parser.add_argument("--cases", metavar="WORD", help="try fixtures only whose path has this in it")
    parser.add_argument("--least", type=float, default=0.0, help="in 100")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="keep what the fixtures come to from run to run")
    given = parser.parse_args(arguments)
    pipeline.lower_module = kept_facts(pipeline.lower_module)
    files = chosen([changed(path) for path in python_files(given.paths)], given)
    cases = [case for case in all_cases() if given.cases is None or given.cases in str(case.args[0])]
    watch.LIMIT = 100 * SECONDS
    started = time.process_time()
    note_reached(files, cases, given.notes)
    print(f"{len(cases)} cases, and what they come to: {time.process_time() - started:.0f} s", flush=True)
    watch.LIMIT = SECONDS
    read = read_before()
    count: Counter[str] = Counter()
    for file in files:
        started = time.process_time()
        here = Counter(tried(file, cases, read))
        count += here
        took = time.process_time() - started
        print(f"{file.shown}: {counted(here)}, {took:.0f} s", flush=True)
    print(counted(count))
    open_ones = count.total() - count["the same"]
    return 1 if open_ones and 100 * count["noticed"] / open_ones < given.least else 0


def counted(count: Counter[str]) -> str:
    """How many changes of how many were noticed."""
    others = count.total() - count["the same"]
    share = f" ({100 * count['noticed'] / others:.0f} in 100)" if others else ""
    same = f", {count['the same']} more are the same in other words" if count["the same"] else ""
    return f"{count['noticed']} of {others} noticed{share}{same}"


def python_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those below the folders."""
    for path in paths:
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def changed(path: Path) -> Changed:
    """A file with every change of it that makes a program."""
    text = path.read_text("utf-8")
    name = ".".join(path.resolve().relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    mutants = [mutant for mutant in mutants_of(text, str(path)) if function_of(module, mutant.name) is not None]
    return Changed(path.resolve(), text, module, mutants)


def chosen(files: Sequence[Changed], given: argparse.Namespace) -> list[Changed]:
    """The files with those of their changes that are asked for."""
    for file in files:
        if given.line is not None:
            file.mutants = [mutant for mutant in file.mutants if mutant.line == given.line]
        if given.sample is not None:
            file.mutants = drawn([(file, mutant) for mutant in file.mutants], given.sample, given.seed)
    if given.total is not None:
        kept = set(drawn([(file, mutant) for file in files for mutant in file.mutants], given.total, given.seed))
        for file in files:
            file.mutants = [mutant for mutant in file.mutants if mutant in kept]
    for file in files:
        file.mutants.sort(key=lambda mutant: (mutant.start, mutant.end, mutant.text))
    return [file for file in files if file.mutants]


def drawn(every: Sequence[tuple[Changed, Mutant]], count: int, seed: int) -> list[Mutant]:
    """So many of the changes, by chance; the same ones as long as their lines stand, whatever becomes of others."""
    seen: Counter[tuple[str, ...]] = Counter()
    lots: list[tuple[bytes, Mutant]] = []
    for file, mutant in every:
        words = file.words(mutant)
        lot = hashlib.sha256(repr((seed, seen[words], words)).encode()).digest()
        lots.append((lot, mutant))
        seen[words] += 1
    return [mutant for _, mutant in sorted(lots, key=lambda entry: entry[0])[:count]]


def read_before() -> set[tuple[str, ...]]:
    """The words of the changes that are the same as what was there."""
    if not READ.exists():
        return set()
    entries = tomllib.loads(READ.read_text("utf-8")).get("same", [])
    return {tuple(str(entry[key]) for key in ("file", "function", "line", "was", "is")) for entry in entries}


# --- changes ---------------------------------------------------------------------------------------------------------

_TURNED: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
}


def mutants_of(text: str, file: str = "") -> list[Mutant]:
    """Every change of the functions of a module, whose file that is, in order."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def place(node: ast.AST) -> tuple[int, int]:
        return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found: list[Mutant] = []
    tree = ast.parse(text)
    words = words_in(tree) | set(absences_in(tree))
    keeping = set(keeping_in(tree))
    for classes, function in functions_in(tree):
        name = ".".join((*(around.name for around in classes), function.name))
        headers = headers_in(function)
        first_line = min(node.lineno for node in (function, *function.decorator_list))
        behind = head(classes, first_line)
        begin, finish = starts[first_line - 1], place(function)[1]
        for node in inner_nodes(function, words):
            for start, end, new, what in changes(node, text, place):
                if node in keeping and new == "True":
                    continue
                first, last = headers[node.lineno]
                found.append(Mutant(file, name, behind, begin, finish, node.lineno, start, end, new, what, first, last))
    return sorted(
        {mutant for mutant in found if code_of(text, mutant, "") is not None},
        key=lambda mutant: (mutant.start, mutant.end, mutant.text),
    )


def head(classes: Sequence[ast.ClassDef], line: int) -> str:
    """Stands before a function that is compiled without the rest of its module: the classes it is in, and lines that
    are left empty, so that its own keep their numbers."""
    said = {1: "from __future__ import annotations"}
    said |= {around.lineno: f"{' ' * around.col_offset}class {around.name}:" for around in classes}
    return "".join(said.get(number, "") + "\n" for number in range(1, line))


def headers_in(function: ast.FunctionDef) -> dict[int, tuple[int, int]]:
    """For each line of a function from where to where the statement goes that it is part of; of one with statements
    in it what stands before them."""
    found: dict[int, tuple[int, int]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            inner = getattr(node, "body", None) or getattr(node, "cases", None)
            start = getattr(node, "lineno", None) or node.pattern.lineno  # type: ignore[union-attr]
            if not isinstance(inner, list):
                last = node.end_lineno
            else:
                begun = inner[0].pattern.lineno if isinstance(inner[0], ast.match_case) else inner[0].lineno
                last = max(start, begun - 1)
            for line in range(start, (last or start) + 1):
                found[line] = min(start, found.get(line, (start, 0))[0]), max(last or start, found.get(line, (0, 0))[1])
    return found


def functions_in(
    tree: ast.AST, classes: tuple[ast.ClassDef, ...] = ()
) -> Iterator[tuple[tuple[ast.ClassDef, ...], ast.FunctionDef]]:
    """The outermost functions, and methods, with the classes they are in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield classes, node
        elif isinstance(node, ast.ClassDef):
            yield from functions_in(node, (*classes, node))


def inner_nodes(function: ast.FunctionDef, words: Container[ast.AST]) -> Iterator[Any]:
    """All that is evaluated in a function: no annotation, no docstring, and nothing that is only said."""
    pending: list[ast.AST] = [] if function in words else list(function.body)
    while pending:
        node = pending.pop()
        if node in words or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node, ast.AnnAssign):
            pending += [node.target, *([node.value] if node.value is not None else [])]
        elif isinstance(node, ast.FunctionDef):
            pending += node.body
        else:
            pending += ast.iter_child_nodes(node)
        if hasattr(node, "lineno"):
            yield node


def absences_in(tree: ast.Module) -> Iterator[ast.AST]:
    """The numbers by which a node is told from none: the 1 of `-1`, the 0 of `>= 0` and `< 0`."""
    for node in ast.walk(tree):
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1) as number):
                yield number
            case ast.Compare(ops=[ast.Lt() | ast.GtE()], comparators=[ast.Constant(value=0) as number]):
                yield number


def keeping_in(tree: ast.Module) -> Iterator[ast.AST]:
    """The conditions under which something is worked out, and kept where they look for it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.If) or node.orelse:
            continue
        match node.test:
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                looked_for = ast.unparse(left)
            case ast.Compare(left=left, ops=[ast.NotIn()], comparators=[kept]):
                looked_for = ast.unparse(ast.Subscript(value=kept, slice=left))
            case _:
                continue
        if any(looked_for == ast.unparse(target) for target in targets_in(node.body)):
            yield node


def targets_in(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """What statements assign to."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            yield from statement.targets


def is_nothing(value: ast.AST) -> bool:
    """Whether an expression is written out, and empty or false: None in its place is as good."""
    match value:
        case ast.Constant():
            return not value.value
        case ast.Tuple(elts=[]) | ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "dict" | "list" | "tuple"), args=[], keywords=[]):
            return True
    return False


def words_in(tree: ast.Module) -> set[ast.AST]:
    """What only makes words: the message, the help and the trace of a report, the locals and the functions of which
    nothing else is made, the conditions that choose between such, and what gives the steps of a trace, or `Said`."""
    words: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report":
            words.update(node.args[2:])
            words.update(keyword.value for keyword in node.keywords if keyword.arg in ("help", "trace"))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            if ast.unparse(node.returns) in ("tuple[Step, ...]", "list[Step]", "Iterator[Step]", "Said"):
                words.add(node)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    while True:
        said = {inner for node in words for inner in ast.walk(node)}
        more: set[ast.AST] = {function for function in tree.body if is_only_in(said, tree, function)}
        for function in functions:
            for node in ast.walk(function):
                match node:
                    case ast.Assign(targets=[ast.Name() as name]) if is_only_in(said, function, name):
                        more.add(node)
                    case ast.Assign(targets=[ast.Tuple(elts=names)]):
                        if all(is_only_in(said, function, name) for name in names):
                            more.add(node)
                    case ast.If(body=body, orelse=others) if words.issuperset([*body, *others]):
                        more.add(node)
        if more <= words:
            return words
        words |= more


def is_only_in(said: set[ast.AST], around: ast.AST, thing: ast.AST) -> bool:
    """Whether a local, or a function, is read in what is said, and nowhere else."""
    name = thing.id if isinstance(thing, ast.Name) else thing.name if isinstance(thing, ast.FunctionDef) else ""
    reads = [
        node
        for node in ast.walk(around)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    return bool(reads) and all(node in said for node in reads)


def changes(node: Any, text: str, place: Callable[[ast.AST], tuple[int, int]]) -> Iterator[tuple[int, int, str, str]]:
    """The changes of one node: from, to, what is put there, and in words."""
    start, end = place(node)
    here = text[start:end]
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _TURNED:
            turned = _TURNED[type(operator)]
            yield (
                start,
                end,
                f"({text[place(left)[0] : place(left)[1]]} {turned} {text[place(right)[0] : place(right)[1]]})",
                turned,
            )
        case ast.BoolOp(op=operator, values=values):
            for left, right in itertools.pairwise(values):
                between = text[place(left)[1] : place(right)[0]]
                old, new = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                if between.count(old) == 1 and len(values) == 2:
                    yield place(left)[1], place(right)[0], between.replace(old, new), f"{old} becomes {new}"
            if len(values) > 1:
                for value in values:
                    if is_nothing(value):
                        continue
                    at, to = place(value)
                    yield (
                        at,
                        to,
                        "True" if isinstance(operator, ast.And) else "False",
                        f"without `{short(text[at:to])}`",
                    )
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            at, to = place(operand)
            yield start, end, f"bool({text[at:to]})", "no not"
        case ast.If(test=test) | ast.IfExp(test=test):
            at, to = place(test)
            yield at, to, "True", "always"
            yield at, to, "False", "never"
        case ast.comprehension(ifs=conditions):
            for condition in conditions:
                at, to = place(condition)
                yield at, to, "True", "always"
        case ast.Constant(value=bool()):
            yield start, end, str(not node.value), "the other"
        case ast.Constant(value=int()):
            yield start, end, str(node.value + 1), "one more"
        case ast.Return(value=value) if value is not None and not is_nothing(value):
            yield start, end, "return None", "returns nothing"
        case ast.Continue():
            yield start, end, "break", "break"
        case ast.Expr() | ast.Assign() | ast.AugAssign():
            if isinstance(node, ast.AugAssign) or (
                isinstance(node, ast.Expr) and not isinstance(node.value, ast.Yield | ast.YieldFrom)
            ):
                yield start, end, "pass", f"without `{short(here)}`"


def one_line(text: str) -> str:
    """A piece of code on one line."""
    return " ".join(text.split())


def short(text: str) -> str:
    """The beginning of one."""
    line = one_line(text)
    return line if len(line) < 60 else line[:57] + "…"


# --- trying them -----------------------------------------------------------------------------------------------------

Case = functools.partial[bool]
"""Whether a fixture is reported as it says."""


def all_cases() -> list[Case]:
    """The fixtures that a change is tried on."""
    cases: list[Case] = []
    for strict in (True, False):
        cases += [functools.partial(file_holds, path, strict) for path in single_files()]
        cases += [functools.partial(project_holds, case, strict) for case in project_cases()]
    return cases + [functools.partial(budget_holds, case) for case in budget_cases()]


def note_reached(files: Sequence[Changed], cases: Sequence[Case], notes: Path | None) -> None:
    """Write down for each line of the files the cases that come to it, the quick ones first."""
    paths = {str(file.path) for file in files} if notes is None else {str(path) for path in NOTED.rglob("*.py")}
    code = digest_of([NOTED, ROOT / "tests" / "support"]) if notes is not None else ""
    kept: dict[str, Reached] = {}
    if notes is not None and notes.exists():
        before = json.loads(notes.read_text("utf-8"))
        kept = before["cases"] if before["code"] == code else {}
    reached: dict[str, Reached] = {}
    took: list[tuple[float, int, dict[str, list[int]]]] = []
    for number, case in enumerate(cases):
        key = f"{case.func.__name__} {case.args} {digest_of([case.args[0]])}" if notes is not None else str(number)
        reached[key] = seconds, lines = kept[key] if key in kept else comes_to(case, paths)
        took.append((seconds, number, lines))
    if notes is not None:
        notes.write_text(json.dumps({"code": code, "cases": kept | reached}), "utf-8")
    took.sort(key=lambda entry: entry[:2])
    for file in files:
        for _, number, seen_in in took:
            for line in seen_in.get(str(file.path), ()):
                file.reached.setdefault(line, []).append(number)


def comes_to(case: Case, paths: Container[str]) -> Reached:
    """The processor time that a case takes, in seconds, and the lines of the files that it comes to."""
    lines: dict[str, set[int]] = {}

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        path = frame.f_code.co_filename
        if path not in paths:
            return None
        seen = lines.setdefault(path, set())

        def step(frame: FrameType, event: str, argument: object) -> Any:
            seen.add(frame.f_lineno)
            return step

        return step(frame, event, argument)

    forget()
    started = time.process_time()
    sys.settrace(enter)
    try:
        held = case()
    finally:
        sys.settrace(None)
    if not held:
        raise SystemExit(f"error: it is not reported as it says: {case}")
    return time.process_time() - started, {path: sorted(seen) for path, seen in lines.items()}


def digest_of(places: Sequence[Path]) -> str:
    """A digest of all files at these places, and of what lies beside a file under the same name."""
    found = hashlib.sha256()
    for place in places:
        inside = place.rglob("*") if place.is_dir() else place.parent.glob(f"{place.stem}*")
        for path in sorted(path for path in inside if path.is_file() and "__pycache__" not in path.parts):
            found.update(f"{path} {path.stat().st_size}\n".encode() + path.read_bytes())
    return found.hexdigest()


def tried(file: Changed, cases: Sequence[Case], read: set[tuple[str, ...]]) -> Iterator[str]:
    """What becomes of each change: it is noticed, the same in other words, or missed, which a line tells of."""
    killers: dict[str, list[int]] = {}
    for mutant in file.mutants:
        function = function_of(file.module, mutant.name)
        code = code_of(file.text, mutant, str(file.path))
        assert function is not None
        assert code is not None
        reaching = {number: 0 for line in range(mutant.first, mutant.last + 1) for number in file.reached.get(line, ())}
        # what has noticed a change of this function is the likeliest to notice another
        likely = killers.setdefault(mutant.name, [])
        order = [number for number in likely if number in reaching] + [n for n in reaching if n not in likely]
        before = function.__code__
        function.__code__ = code
        try:
            killer = next((number for number in order if not holds(cases[number])), None)
        finally:
            function.__code__ = before
            forget()
        if killer is not None:
            if killer in likely:
                likely.remove(killer)
            likely.insert(0, killer)
            yield "noticed"
        elif file.words(mutant) in read:
            yield "the same"
        else:
            shown = short(file.text[mutant.start : mutant.end])
            said = f"{mutant.what}; {len(order)} come to it" if order else "nothing comes to it"
            print(
                f"  {file.shown}:{mutant.line} {mutant.name}: `{shown}` → `{short(mutant.text)}` ({said})", flush=True
            )
            yield "missed"


def forget() -> None:
    """Leave nothing that one run has worked out to the next."""
    for module in (conditions, marking, undoing):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def holds(case: Case) -> bool:
    """Whether a fixture is reported as it says, which it is not where the run fails."""
    forget()
    try:
        return case()
    except Exception:  # noqa: BLE001 - whatever comes of the change, it is noticed
        return False


def kept_facts(lower: Callable[[SourceFile], ModuleFacts]) -> Callable[[SourceFile], ModuleFacts]:
    """Lowers each text once: what lowering makes is data, and the same each time."""
    known: dict[tuple[str, str, bool, str], ModuleFacts] = {}

    def kept(source: SourceFile) -> ModuleFacts:
        key = source.path, source.module, source.is_package, source.text
        if key not in known:
            known[key] = lower(source)
        return known[key]

    return kept


def file_holds(path: Path, strict: bool) -> bool:
    """Whether a file is reported where it says, and its fixes lead to the one beside it."""
    if file_problems(path, strict=strict):
        return False
    if not strict or not fixed_path(path).exists():
        return True
    outcome = fix_until_stable(
        read_fixture(path), lambda changed: check_fixture(path, changed, strict=True), unsafe=True
    )
    return outcome.text == read_fixture(fixed_path(path))


def project_holds(case: Path, strict: bool) -> bool:
    """Whether a project is."""
    return not project_problems(case, strict=strict)


def budget_holds(case: Path) -> bool:
    """Whether the entry points of a project wait as long as they say."""
    return not budget_problems(case)


def code_of(text: str, mutant: Mutant, file: str) -> CodeType | None:
    """The code of the function with the change in it; None where that is no program."""
    changed = text[mutant.begin : mutant.start] + mutant.text + text[mutant.end : mutant.finish]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            pending = [compile(mutant.head + changed, file, "exec", dont_inherit=True)]
        except SyntaxError:
            return None
    while pending:
        code = pending.pop()
        if code.co_qualname == mutant.name:
            return code
        pending += [const for const in code.co_consts if isinstance(const, CodeType)]
    return None


def function_of(module: ModuleType, name: str) -> FunctionType | None:
    """The function that a qualified name stands for, without what is around it."""
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, type | ModuleType) else None
    for attribute in ("__func__", "fget", "func", "__wrapped__"):
        found = getattr(found, attribute, found)
    return found if isinstance(found, FunctionType) else None


if __name__ == "__main__":
    sys.exit(main())
