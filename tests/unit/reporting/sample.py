"""One report with everything in it that a form has to show."""

from __future__ import annotations

from cancelcheck.engine.report import By, Report, RunError, Suppressed
from cancelcheck.model.edit import Edit, Fix, Safety
from cancelcheck.model.finding import Finding, Step
from cancelcheck.model.source import SourceFile
from cancelcheck.reporting.form import Surroundings
from cancelcheck.rules import RULES

TEXT = "import asyncio\n\nasync def serve():\n\tasyncio.create_task(\n\t\tpoll('日本'),\n\t)\n\n\twait(a, b)\n"

LOST = Finding(
    path="src/a b.py",
    line=4,
    column=2,
    end_line=6,
    end_column=3,
    code="CAN101",
    name="lost-task",
    family="lost-cancel",
    message="task `poll('日本')` is not kept: it can vanish, 100 %",
    help="Keep it.",
    symbol="a.serve",
    statement="asyncio.create_task(",
)
CHAIN = Finding(
    path="src/a b.py",
    line=8,
    column=7,
    end_line=8,
    end_column=8,
    code="CAN401",
    name="http-without-timeout",
    family="timeout",
    message="`a` waits: forever, really",
    help="",
    trace=(Step("src/a b.py", 8, 2, "`serve` calls `wait`"), Step("lib/x.py", 1, 1, "`wait` has no timeout")),
    fix=Fix(
        "pass `timeout=10.0`", Safety.UNSAFE, (Edit(TEXT.index("b)") + 1, TEXT.index("b)") + 1, ", timeout=10.0"),)
    ),
)
FAILED = Finding("b.py", 1, 1, 1, 6, "CAN000", "internal-error", "run", "CAN101 lost-task failed", "Report it.")

SILENCED = Finding(
    path="src/a b.py",
    line=2,
    column=1,
    end_line=2,
    end_column=4,
    code="CAN101",
    name="lost-task",
    family="lost-cancel",
    message="task `x` is not kept",
    help="Keep it.",
    silenced="# noqa: CAN101 the server holds it",
)

REPORT = Report(
    findings=(FAILED, LOST, CHAIN),
    errors=(
        RunError("CAN101 lost-task failed", "b.py", "CAN101", "Traceback …\nZeroDivisionError\n"),
        RunError("cannot be read: Permission denied", "c\nd.py"),
    ),
    files=3,
    rules=RULES,
    sources={"src/a b.py": SourceFile("src/a b.py", TEXT), "b.py": SourceFile("b.py", "x = 1\n")},
    suppressed=(Suppressed(SILENCED, By.COMMENT, "# noqa: CAN101 the server holds it"),),
)
EMPTY = Report(findings=(), files=1, rules=RULES)
COLOR = Surroundings(color=True)
ALL = Surroundings(lists_suppressed=True)

EVIL = "x\x1b[31m\x07\u202e\r\n\x00\ufffe\ud800<&\"']]>|`*_#@ \u2028"
"""What a path, a message and a note must not do harm with."""

HARM = Report(
    findings=(
        Finding(
            path=f"{EVIL}.py",
            line=1,
            column=1,
            end_line=1,
            end_column=5,
            code="CAN101",
            name="lost-task",
            family="lost-cancel",
            message=f"`{EVIL}` {EVIL}",
            help=EVIL,
            symbol=EVIL,
            trace=(Step(f"{EVIL}.py", 1, 1, EVIL),),
            statement=EVIL,
        ),
    ),
    errors=(RunError(EVIL, f"{EVIL}.py"),),
    files=1,
    rules=RULES,
    sources={f"{EVIL}.py": SourceFile(f"{EVIL}.py", f"'{EVIL}'\n")},
)
