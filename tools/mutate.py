"""Changes rules and what they ask, one small change at a time, and looks whether a fixture notices.

    python tools/mutate.py cancelcheck/rules/can101_lost_task.py            every change of a file
    python tools/mutate.py cancelcheck/link/values.py --sample 60 --seed 1   some of them
    python tools/mutate.py cancelcheck/rules --sample 5                      some of each file of a folder
    python tools/mutate.py FILE --line 57                                    those of one line

A comparison is turned round, `and` becomes `or`, a `not` is dropped, a condition is always true or never, a constant is
another one, a `return` gives nothing, a statement is left out. The fixtures are run in this one process with the
changed function in the place of the right one: for a rule those of its folder, all projects, and those of the other
rules, for another module those that call the function. What a rule says (messages, helps, traces) is left as it is:
fixtures tell places. What no fixture notices is shown with its line; it is a fixture that is missing, code that nobody
needs, or the same in other words. Ends in 1 when fewer than `--least` in 100 are noticed. Needs the `dev` extra.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cancelcheck.engine import pipeline, watch  # noqa: E402
from cancelcheck.fixing import fix_until_stable  # noqa: E402
from cancelcheck.model.facts import ModuleFacts  # noqa: E402
from cancelcheck.model.source import SourceFile  # noqa: E402
from tests.support.checking import check_fixture, file_problems, project_problems  # noqa: E402
from tests.support.fixtures import fixed_path, project_cases, read_fixture, single_files  # noqa: E402

SECONDS = 5.0
"""Processor time for one file of a fixture: a change may make an endless loop."""


@dataclass(frozen=True)
class Mutant:
    """One change: in the function `name`, what stands from `start` to `end` becomes `text`."""

    name: str
    line: int
    start: int
    end: int
    text: str
    what: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--sample", type=int, help="so many changes of each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--line", type=int)
    parser.add_argument("--least", type=float, default=0.0, help="in 100")
    given = parser.parse_args(arguments)
    watch.LIMIT = SECONDS
    pipeline.lower_module = kept_facts(pipeline.lower_module)
    noticed = total = 0
    for file in python_files(given.paths):
        text = file.read_text("utf-8")
        mutants = [mutant for mutant in mutants_of(text) if given.line in (None, mutant.line)]
        if given.sample is not None and len(mutants) > given.sample:
            mutants = sorted(random.Random(given.seed).sample(mutants, given.sample), key=lambda m: (m.start, m.text))
        if not mutants:
            continue
        started = time.process_time()
        killed = [mutant for mutant in tried(file, text, mutants) if mutant is not None]
        noticed += len(killed)
        total += len(mutants)
        shown = file.resolve().relative_to(ROOT)
        took = time.process_time() - started
        print(f"{shown}: {len(killed)} of {len(mutants)} noticed, {took:.0f} s", flush=True)
    share = 100 * noticed / total if total else 100.0
    print(f"{noticed} of {total} noticed: {share:.0f} in 100")
    return 1 if share < given.least else 0


def python_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those below the folders."""
    for path in paths:
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


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


def mutants_of(text: str) -> list[Mutant]:
    """Every change of a module's functions, in order."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def place(node: ast.AST) -> tuple[int, int]:
        return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found: list[Mutant] = []
    for name, function in functions_in(ast.parse(text)):
        for node in inner_nodes(function):
            for start, end, new, what in changes(node, text, place):
                found.append(Mutant(name, node.lineno, start, end, new, what))
    return sorted(set(found), key=lambda mutant: (mutant.start, mutant.end, mutant.text))


def functions_in(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """The outermost functions, and methods, by qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions_in(node, f"{prefix}{node.name}.")


def inner_nodes(function: ast.FunctionDef) -> Iterator[Any]:
    """All that is evaluated in a function: no annotation, no docstring."""
    pending: list[ast.AST] = [] if only_says(function) else list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.AnnAssign):
            pending += [node.target, *([node.value] if node.value is not None else [])]
        elif isinstance(node, ast.FunctionDef):
            pending += [] if only_says(node) else node.body
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report":
            pending += [node.func, *node.args[:2]]
            pending += [keyword.value for keyword in node.keywords if keyword.arg not in ("help", "trace")]
        else:
            pending += ast.iter_child_nodes(node)
        if hasattr(node, "lineno"):
            yield node


def only_says(function: ast.FunctionDef) -> bool:
    """Whether a function makes words, or the steps of a trace."""
    return function.returns is not None and ast.unparse(function.returns) in ("tuple[Step, ...]", "list[Step]")


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
        case ast.Return(value=value) if value is not None and here != "return None":
            yield start, end, "return None", "returns nothing"
        case ast.Continue():
            yield start, end, "break", "break"
        case ast.Expr() | ast.Assign() | ast.AugAssign():
            if isinstance(node, ast.AugAssign) or (
                isinstance(node, ast.Expr) and not isinstance(node.value, ast.Yield | ast.YieldFrom)
            ):
                yield start, end, "pass", f"without `{short(here)}`"


def short(text: str) -> str:
    """A piece of code on one line."""
    line = " ".join(text.split())
    return line if len(line) < 60 else line[:57] + "…"


# --- trying them -----------------------------------------------------------------------------------------------------

Case = Callable[[], bool]
"""Whether a fixture is reported as it says."""


def tried(file: Path, text: str, mutants: Sequence[Mutant]) -> Iterator[Mutant | None]:
    """Each of the changes that a fixture notices; None for, and a line about, each that none does."""
    name = ".".join(file.resolve().relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name)
    cases = cases_for(file)
    callers = called_by(module, text, cases) if file.parent.name != "rules" else {}
    for mutant in mutants:
        code = code_of(text[: mutant.start] + mutant.text + text[mutant.end :], str(file), mutant.name)
        function = function_of(module, mutant.name)
        if code is None or function is None:
            continue
        before = function.__code__
        some = cases if file.parent.name == "rules" else callers.get(mutant.name, [])
        function.__code__ = code
        try:
            is_noticed = any(not holds(case) for case in some)
        finally:
            function.__code__ = before
        if is_noticed:
            yield mutant
        else:
            shown = short(text[mutant.start : mutant.end])
            said = "nobody calls it" if not some else mutant.what
            print(f"  {file.name}:{mutant.line} {mutant.name}: `{shown}` → `{short(mutant.text)}` ({said})", flush=True)
            yield None


def holds(case: Case) -> bool:
    """Whether a fixture is reported as it says, which it is not where the run fails."""
    try:
        return case()
    except Exception:  # noqa: BLE001 - whatever comes of the change, it is noticed
        return False


def cases_for(file: Path) -> list[Case]:
    """The fixtures that a change of this file is tried on, the likeliest first."""
    own = file.stem if file.parent.name == "rules" else ""
    files = [path for path in single_files() if not own or path.parent.name == own]
    cases: list[Case] = [functools.partial(file_holds, path, strict) for strict in (True, False) for path in files]
    cases += [functools.partial(project_holds, case, strict) for strict in (True, False) for case in project_cases()]
    return cases + [functools.partial(file_holds, path, True) for path in single_files() if path not in set(files)]


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


def called_by(module: ModuleType, text: str, cases: Sequence[Case]) -> dict[str, list[Case]]:
    """For each function of a module the fixtures that call it."""
    codes: dict[CodeType, str] = {}
    for name, _ in functions_in(ast.parse(text)):
        function = function_of(module, name)
        if function is not None:
            codes[function.__code__] = name
    found: dict[str, list[Case]] = {}
    for case in cases:
        seen: set[str] = set()

        def note(frame: Any, event: str, argument: object, seen: set[str] = seen) -> None:
            if event == "call" and (name := codes.get(frame.f_code)):
                seen.add(name)

        sys.setprofile(note)
        try:
            case()
        finally:
            sys.setprofile(None)
        for name in seen:
            found.setdefault(name, []).append(case)
    return found


def code_of(text: str, file: str, name: str) -> CodeType | None:
    """The code of a function in a changed text; None where the change makes no program."""
    try:
        pending = [compile(text, file, "exec", dont_inherit=True)]
    except SyntaxError:
        return None
    while pending:
        code = pending.pop()
        if code.co_qualname == name:
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
