"""What a rule is given beside the function: the catalogue, the settings, and the way to report."""

from __future__ import annotations

from collections.abc import Iterable

from cancelcheck.catalog import Catalog
from cancelcheck.config import Settings
from cancelcheck.link.function import CallSite, FunctionView
from cancelcheck.link.project import ModuleView
from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.facts import FunctionKind
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.rule import Default, Rule


class Context:
    """One rule on one module."""

    def __init__(self, module: ModuleView, rule: Rule, catalog: Catalog, settings: Settings) -> None:
        self.module = module
        self.rule = rule
        self.catalog = catalog
        self.settings = settings

    def report(
        self,
        fn: FunctionView,
        at: int | tuple[int, int],
        message: str,
        *,
        help: str,
        trace: tuple[Step, ...] = (),
        fix: Fix | None = None,
        strict: bool = False,
    ) -> Finding:
        """A finding at a node of `fn`, or at a pair of offsets. `message` says what, with the code's own names, and
        what happens; `help` what to do; `strict` that it is made only with `--strict`, or when the rule is asked
        for: whatever is said of a copy of another project's code is."""
        source = self.module.source
        start, end = (fn.nodes[at].start, fn.nodes[at].end) if isinstance(at, int) else at
        line, column = source.position(start)
        end_line, end_column = source.position(end)
        return Finding(
            path=source.path,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            code=self.rule.code,
            name=self.rule.name,
            family=self.rule.family.value,
            message=message,
            help=help,
            symbol=_symbol(fn),
            trace=trace,
            fix=fix if self.module.facts.exact else None,
            statement=source.line(line).strip(),
            strict=strict or self.rule.default is Default.STRICT or self.module.is_vendored,
        )

    def step(self, fn: FunctionView, at: int, note: str) -> Step:
        """A step of a trace, at a node of any function."""
        source = fn.module.source
        line, column = source.position(fn.nodes[at].start)
        return Step(source.path, line, column, note)

    def steps(self, fn: FunctionView, *steps: tuple[int, str]) -> tuple[Step, ...]:
        """Steps of a trace in one function: at which node, and what happens there."""
        return tuple(self.step(fn, at, note) for at, note in steps)

    def calls(self, chain: Iterable[CallSite]) -> tuple[Step, ...]:
        """Calls, one inside the other, as steps of a trace."""
        return tuple(self.step(call.fn, call.index, f"`{call.text}(…)`") for call in chain)

    def fix(self, title: str, safety: Safety, *edits: tuple[int, int, str]) -> Fix:
        """A fix of `(start, end, text)` edits in this module's file."""
        return Fix(title, safety, tuple(sorted(Edit(*edit) for edit in edits)))


def _symbol(fn: FunctionView) -> str:
    """The qualified name of the named function around."""
    view: FunctionView | None = fn
    while view is not None and view.facts.kind is FunctionKind.LAMBDA:
        view = view.parent
    return view.qualname if view is not None else fn.qualname
