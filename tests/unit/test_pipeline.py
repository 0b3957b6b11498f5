"""From paths to findings: which rules report where, and what happens where something fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from cancelcheck.config import ConfigError, LoadedSettings, Overrides, Settings, SettingsFinder
from cancelcheck.engine.pipeline import check
from cancelcheck.engine.select import Selection, SelectorError, find_rule
from cancelcheck.model.rule import Default, Family
from cancelcheck.rules import RULES
from tests.support.runs import LOST, RUN_RULES, places, rule, run, write

A_DEF = "def f():\n    pass\n"
BAD = "def f():\n    pass\n\n\ndef bad():\n    pass\n\n\ndef g():\n    pass\n"

LOST_RULE = rule("CAN901", "every-def", Family.LOST_CANCEL)
TIMEOUT_RULE = rule("CAN902", "timed-def", Family.TIMEOUT)
STRICT_RULE = rule("CAN903", "strict-def", Family.LOST_CANCEL, Default.STRICT)
FAILING_RULE = rule("CAN904", "failing-def", Family.CONTEXT, fails=True)
FAKES = (*RUN_RULES, LOST_RULE, TIMEOUT_RULE, STRICT_RULE)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def active(settings: Settings) -> set[str]:
    return {found.code for found in Selection(LoadedSettings(settings, Path(), None), FAKES).active}


ALWAYS = {"CAN000", "CAN001"}


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        (Settings(), {"CAN901", "CAN902"}),
        (Settings(strict=True), {"CAN002", "CAN901", "CAN902", "CAN903"}),
        (Settings(select=("CAN902",)), {"CAN902"}),
        (Settings(select=("timed-def",)), {"CAN902"}),
        (Settings(select=("9xx",)), {"CAN901", "CAN902"}),
        (Settings(select=("CAN",)), {"CAN901", "CAN902"}),
        (Settings(select=("CAN90",), strict=True), {"CAN901", "CAN902", "CAN903"}),
        (Settings(select=("lost-cancel",)), {"CAN901"}),
        (Settings(select=("lost-cancel", "can903")), {"CAN901", "CAN903"}),
        (Settings(extend_select=("strict-def",)), {"CAN901", "CAN902", "CAN903"}),
        (Settings(extend_select=("lost-cancel",)), {"CAN901", "CAN902"}),
        (Settings(ignore=("timeout",)), {"CAN901"}),
        (Settings(ignore=("CAN9",)), set()),
        (Settings(select=("CAN901",), ignore=("CAN9",)), {"CAN901"}),
        (Settings(select=("CAN9",), ignore=("every-def",)), {"CAN902"}),
        (Settings(select=("CAN901",), ignore=("CAN901",)), set()),
        (Settings(extend_select=("CAN902",), ignore=("9xx",)), {"CAN902"}),
        (Settings(select=()), set()),
    ],
)
def test_selection(settings: Settings, codes: set[str]) -> None:
    assert active(settings) == codes | ALWAYS


def test_the_run_itself_is_always_reported_unless_ignored() -> None:
    assert active(Settings(ignore=("CAN0",))) == {"CAN000", "CAN901", "CAN902"}


def test_an_unknown_selector_names_file_key_and_the_nearest(root: Path) -> None:
    write(root, {"a.py": A_DEF, "cancelcheck.toml": "ignore = ['lost-taks']\n"})
    with pytest.raises(
        SelectorError, match=r"cancelcheck.toml: `ignore`: `lost-taks` is no rule; did you mean `lost-task`"
    ):
        run()
    write(root, {"cancelcheck.toml": "per-file-ignores = { 'a.py' = ['CAN711'] }\n"})
    with pytest.raises(SelectorError, match=r"`per-file-ignores.a.py`: `CAN711` is no rule; did you mean `CAN"):
        run()


def test_a_rule_is_found_by_code_and_name() -> None:
    assert find_rule("can101", RULES) is find_rule("lost-task", RULES)
    with pytest.raises(SelectorError, match="is not one rule but 3"):
        find_rule("run", RULES)


def test_findings_are_in_order_whatever_is_asked_for_first(root: Path) -> None:
    write(root, {"b.py": LOST, "a.py": LOST, "c/a.py": LOST})
    expected = [("a.py", 5, 5, "CAN101"), ("b.py", 5, 5, "CAN101"), ("c/a.py", 5, 5, "CAN101")]
    assert places(run(".")) == expected
    assert places(run("c", "b.py", "a.py", "b.py")) == expected
    assert run(".").files == 3


def test_rules_for_tests_are_silent_unless_named(root: Path) -> None:
    names = ["tests/unit/x.py", "test_a.py", "sub/a_test.py", "conftest.py"]
    write(root, {"pyproject.toml": "", "a.py": A_DEF, **dict.fromkeys(names, A_DEF)})
    timed = [place[0] for place in places(run(settings=Settings(), rules=FAKES)) if place[3] == "CAN902"]
    assert timed == ["a.py"]
    for chosen in (Settings(extend_select=("CAN902",)), Settings(select=("timed-def",)), Settings(test_files=())):
        found = [place[0] for place in places(run(settings=chosen, rules=FAKES)) if place[3] == "CAN902"]
        assert found == sorted(["a.py", *names])
    by_family = run(settings=Settings(select=("timeout",)), rules=FAKES)
    assert [place[0] for place in places(by_family)] == ["a.py"]


def test_per_file_ignores(root: Path) -> None:
    toml = "per-file-ignores = { 'scripts/**' = ['every-def'], '*_old.py' = ['CAN9'] }\n"
    write(root, {"cancelcheck.toml": toml, "scripts/x.py": A_DEF, "a_old.py": A_DEF})
    assert places(run(rules=FAKES)) == [("scripts/x.py", 1, 1, "CAN902")]


@pytest.mark.parametrize(
    ("name", "text", "generated"),
    [
        ("a.py", "# @generated by a program\n" + A_DEF, True),
        ("a.py", '#!/bin/python\n# coding: utf-8\n"""Made.\n\n@generated\n"""\n' + A_DEF, True),
        ("a_pb2.py", A_DEF, True),
        ("a_pb2_grpc.py", A_DEF, True),
        ("a.py", "MARK = '@generated'\n" + A_DEF, False),
        ("a.py", A_DEF + "# @generated\n", False),
        ("a.py", "def f(:  # not @generated\n", False),
        ("a.py", "# @generated\ndef f(:\n", True),
    ],
)
def test_generated_files(root: Path, name: str, text: str, generated: bool) -> None:
    write(root, {name: text})
    assert (run(settings=Settings(), rules=FAKES).findings == ()) is generated
    assert run(settings=Settings(skip_generated=False), rules=FAKES).findings != ()


def test_a_file_that_cannot_be_read_as_python_is_a_finding(root: Path) -> None:
    write(root, {"a.py": b"x = 1\ny = '\xe9'\n", "b.py": "x = 1\ndef f(:\n    pass\n", "c.py": LOST, "d.py": b"\0"})
    report = run()
    assert [(f.path, f.code) for f in report.findings] == [
        ("a.py", "CAN001"),
        ("b.py", "CAN001"),
        ("c.py", "CAN101"),
        ("d.py", "CAN001"),
    ]
    assert report.findings[0].line == 2
    # the parser tells the place of the token after the mistake
    assert report.findings[1].line in (2, 3)
    assert report.findings[0].message == "the file cannot be decoded: byte 0xe9 is not UTF-8"
    assert report.findings[1].message.startswith("the file cannot be parsed: ")
    assert report.errors == ()
    quiet = run(settings=Settings(per_file_ignores={"[ab].py": ("CAN001",), "d.py": ("unreadable-file",)}))
    assert [f.code for f in quiet.findings] == ["CAN101"]


def test_a_broken_import_is_reported_where_it_is_checked_only(root: Path) -> None:
    write(root, {"a.py": "import b\n\nasync def f():\n    b.g()\n", "b.py": "def g(:\n", "c.py": "import b\nb.g()\n"})
    assert places(run("a.py", "c.py")) == []
    assert [place[::3] for place in places(run("."))] == [("b.py", "CAN001")]


def test_a_failing_rule_is_said_and_the_run_goes_on(root: Path) -> None:
    write(root, {"a.py": BAD, "b.py": A_DEF})
    report = run(rules=(*RUN_RULES, FAILING_RULE, LOST_RULE))
    codes = [(f.path, f.line, f.code) for f in report.findings]
    assert ("a.py", 5, "CAN000") in codes
    assert [place for place in codes if place[2] == "CAN901"] == [
        ("a.py", 1, "CAN901"),
        ("a.py", 5, "CAN901"),
        ("a.py", 9, "CAN901"),
        ("b.py", 1, "CAN901"),
    ]
    assert ("b.py", 1, "CAN904") in codes
    failure = next(f for f in report.findings if f.code == "CAN000")
    assert failure.message == "CAN904 failing-def failed in `bad`: ZeroDivisionError: of all things"
    (error,) = report.errors
    assert (error.path, error.rule) == ("a.py", "CAN904")
    assert "ZeroDivisionError: of all things" in error.trace
    assert "_fails" in error.trace


def test_a_failing_rule_cannot_be_silenced(root: Path) -> None:
    write(root, {"a.py": "# cancelcheck: ignore-file\ndef bad():  # noqa\n    pass\n"})
    report = run(settings=Settings(ignore=("CAN000", "CAN904", "CAN0")), rules=(*RUN_RULES, FAILING_RULE))
    assert report.findings == ()
    report = run(settings=Settings(ignore=("CAN0",)), rules=(*RUN_RULES, FAILING_RULE))
    assert [f.code for f in report.findings] == ["CAN000"]


def test_suppressions_and_those_that_silence_nothing(root: Path) -> None:
    text = (
        "def a():  # noqa: CAN901\n    pass\n\n\n"
        "def b():  # cancelcheck: ignore[every-def] on purpose\n    x = 1  # cancelcheck: ignore[every-def]\n\n\n"
        "def c():  # noqa: CAN903\n    y = 1  # cancelcheck: ignore[every-def, CAN002] kept\n"
    )
    write(root, {"a.py": text})
    rules = (*RUN_RULES, LOST_RULE, STRICT_RULE)
    assert places(run(settings=Settings(), rules=rules)) == [("a.py", 9, 1, "CAN901")]
    strict = run(settings=Settings(extend_select=("CAN002",)), rules=rules)
    assert places(strict) == [("a.py", 6, 12, "CAN002"), ("a.py", 9, 1, "CAN901")]
    assert strict.findings[0].message == "unused suppression: `every-def` silences nothing here"


def test_a_finding_that_is_strict_by_itself(root: Path) -> None:
    # CAN101 is on, but makes some reports with --strict only
    text = "from concurrent.futures import ThreadPoolExecutor\n\nwith ThreadPoolExecutor() as p:\n    p.submit(print)\n"
    write(root, {"a.py": text})
    assert places(run(settings=Settings())) == []
    assert places(run(settings=Settings(strict=True))) == [("a.py", 4, 5, "CAN101")]
    assert places(run(settings=Settings(extend_select=("lost-task",)))) == [("a.py", 4, 5, "CAN101")]
    assert places(run(settings=Settings(extend_select=("CAN1",)))) == []


def test_a_finding_says_whether_it_is_strict(root: Path) -> None:
    text = LOST + "\n\ndef wait(queue: Queue):\n    return queue.get()\n"
    write(root, {"a.py": f"from queue import Queue\n{text}"})
    found = run(settings=Settings(strict=True)).findings
    assert [(finding.code, finding.strict) for finding in found] == [("CAN101", False), ("CAN404", True)]


PROJECT = {
    "pyproject.toml": "[tool.cancelcheck]\n",
    "src/app/__init__.py": "",
    "src/app/main.py": "from app import jobs\nfrom app.jobs import poll\n\n\nasync def f():\n  jobs.poll()\n  poll()\n",
    "src/app/jobs.py": "from .deep.work import poll\n",
    "src/app/deep/__init__.py": "",
    "src/app/deep/work.py": "async def poll():\n    pass\n",
    "tools/use.py": "import app.jobs\n\n\nasync def main():\n    app.jobs.poll()\n",
}


def test_imports_are_followed_the_same_alone_and_together(root: Path) -> None:
    write(root, PROJECT)
    together = places(run("."))
    assert together == [
        ("src/app/main.py", 6, 3, "CAN112"),
        ("src/app/main.py", 7, 3, "CAN112"),
        ("tools/use.py", 5, 5, "CAN112"),
    ]
    alone = [place for path in PROJECT if path.endswith(".py") for place in places(run(path))]
    assert sorted(alone) == together


def test_each_folder_has_its_own_settings(root: Path) -> None:
    write(root, {"one/a.py": LOST, "two/a.py": LOST, "two/cancelcheck.toml": "ignore = ['CAN101']\n", "setup.py": ""})
    assert places(run(".")) == places(run("one")) == [("one/a.py", 5, 5, "CAN101")]
    assert places(run("two/a.py")) == []


def test_a_malformed_api_entry_names_the_file(root: Path) -> None:
    write(root, {"a.py": "", "cancelcheck.toml": "[[api]]\ncall = 'x.y'\nkind = 'htp'\nmode = 'async'\n"})
    with pytest.raises(ConfigError, match=r"cancelcheck\.toml: api"):
        run()


def test_standard_input_stands_for_its_file(root: Path) -> None:
    write(
        root,
        {
            "cancelcheck.toml": "ignore = ['CAN101']\n",
            "sub/cancelcheck.toml": "",
            "sub/helper.py": "async def f(): ...\n",
        },
    )
    text = b"import helper\n\nasync def main():\n    helper.f()\n"
    finder = SettingsFinder()
    named = check(["-"], finder, stdin=text, stdin_filename="sub/new.py")
    assert places(named) == [("sub/new.py", 4, 5, "CAN112")]
    unnamed = check(["-"], finder, stdin=LOST.encode())
    assert places(unnamed) == []
    anywhere = check(["-"], SettingsFinder(isolated=True), stdin=LOST.encode())
    assert places(anywhere) == [("<stdin>", 5, 5, "CAN101")]


def test_excluded_standard_input_is_left_out_when_forced(root: Path) -> None:
    write(root, {"cancelcheck.toml": "exclude = ['gen/']\n"})
    finder = SettingsFinder(overrides=Overrides(force_exclude=True))
    assert check(["-"], finder, stdin=LOST.encode(), stdin_filename="gen/a.py").files == 0
    assert check(["-"], finder, stdin=LOST.encode(), stdin_filename="a.py").files == 1


def test_line_ends_change_nothing(root: Path) -> None:
    write(root, {"a.py": LOST.replace("\n", "\r\n"), "b.py": b"\xef\xbb\xbf" + LOST.encode(), "c.py": "\f" + LOST})
    assert [place[1:] for place in places(run())] == [(5, 5, "CAN101")] * 3


def test_progress_is_told(root: Path) -> None:
    write(root, {"a.py": "", "b.py": ""})
    told: list[tuple[str, int, int]] = []
    check(["."], SettingsFinder(), progress=lambda *progress: told.append(progress))
    assert told == [("checked", 0, 2), ("checked", 1, 2), ("checked", 2, 2)]


def test_ctrl_c_passes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a.py": "def bad(): ...\n"})

    def interrupted(source: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cancelcheck.engine.pipeline.lower_module", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()


def test_a_defect_of_the_analysis_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a.py": "x = 1\n"})

    def broken(source: object) -> None:
        raise RuntimeError("no way")

    monkeypatch.setattr("cancelcheck.engine.pipeline.lower_module", broken)
    report = run()
    assert [f.message for f in report.findings] == ["the analysis failed: RuntimeError: no way"]
    assert report.errors[0].trace
