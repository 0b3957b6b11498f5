"""`cancelcheck init`: looks at a project, and proposes what it takes for a green gate that only new findings break.

Each change is shown, and asked for; nothing else is written.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cancelcheck.cli.statuses import CLEAN

if TYPE_CHECKING:
    from cancelcheck.cli.recipes import Origin
    from cancelcheck.engine.report import Report
    from cancelcheck.engine.survey import Survey


def make() -> click.Command:
    """The command."""

    @click.command("init", context_settings={"help_option_names": ["-h", "--help"]})
    @click.argument("folder", default=".", type=click.Path(file_okay=False))
    @click.option("--yes", "-y", is_flag=True, help="make every change without asking")
    def init(folder: str, yes: bool) -> int:
        """Propose settings, a baseline, a pre-commit entry and a CI job for the project in FOLDER; ask before each."""
        from cancelcheck.config import ConfigError

        if not os.path.isdir(folder):
            raise click.ClickException(f"{folder}: No such folder")
        try:
            _Adoption(Path(folder), yes).run()
        except ConfigError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or folder}: {error.strerror or error}") from None
        return CLEAN

    return init


class _Adoption:
    """One walk through a project."""

    def __init__(self, folder: Path, yes: bool) -> None:
        self._folder = folder
        self._yes = yes
        self._origin = _origin()

    def run(self) -> None:
        """Look, and propose one thing after the other."""
        from cancelcheck.config import SettingsFinder
        from cancelcheck.engine.survey import look_at

        survey = look_at(self._folder, SettingsFinder())
        _say_found(survey)
        if not survey.files:
            click.echo("There is no Python file here: nothing to propose.")
            return
        self._settings(survey)
        self._baseline()
        self._pre_commit()
        self._ci()
        click.echo("Done. `cancelcheck` reports what is new; `cancelcheck explain RULE` says why.")

    # --- the four proposals

    def _settings(self, survey: Survey) -> None:
        from cancelcheck.cli.recipes import settings_keys, sla_table
        from cancelcheck.config import SettingsFinder, SlaSettings

        settings = SettingsFinder().for_folder(self._folder).settings
        keys = settings_keys(survey, settings.src)
        # what somebody has said about promises stands
        table = sla_table(survey) if settings.sla == SlaSettings() else []
        if not keys and not table:
            click.echo("Settings: nothing to add.")
            return
        self._propose_settings("Settings for what was found", keys, table)

    def _baseline(self) -> None:
        from cancelcheck.engine.baseline import FILE
        from cancelcheck.reporting.counting import counted_findings, statistics

        report, named = self._check()
        for error in report.errors:
            click.echo(f"error: {error.path}: {error.message}" if error.path else f"error: {error.message}")
        if not report.findings:
            click.echo("Baseline: there is nothing new to report, so there is nothing to know of.")
            return
        click.echo(f"\nA first run: {counted_findings(report)}.\n{statistics(report).rstrip()}")
        name = str(named) if named is not None else FILE
        if not self._asks(f"Write them to {name}, so that only new ones are reported from now on?"):
            return
        if named is None:
            self._propose_settings("The settings have to name it", [f"baseline = {json.dumps(FILE)}"], asks=False)
        if self._check(writes=True)[1] is None:
            click.echo(f"Baseline: not written; add `baseline = {json.dumps(FILE)}` first, then run it again.")
            return
        click.echo(f"Wrote {name}. Keep it under version control.")

    def _pre_commit(self) -> None:
        from cancelcheck.cli.recipes import pre_commit

        file = self._folder / ".pre-commit-config.yaml"
        text = _text(file)
        if "cancelcheck" in text:
            click.echo("pre-commit: the hook is there already.")
            return
        if not text and not (self._folder / ".git").exists():
            click.echo("pre-commit: this is not the root of a git repository.")
            return
        changed = pre_commit(text, self._origin)
        if changed is None:
            entry = pre_commit("", self._origin) or ""
            click.echo(f"pre-commit: {file.name} has an unusual form; add this to it by hand:\n{entry}")
            return
        self._propose("A hook for pre-commit", file, changed)

    def _ci(self) -> None:
        from cancelcheck.cli.recipes import github_job, gitlab_job

        config = _text(self._folder / ".git" / "config")
        workflows = self._folder / ".github" / "workflows"
        gitlab = self._folder / ".gitlab-ci.yml"
        known = [*_yaml_in(workflows), gitlab]
        if any("cancelcheck" in _text(file) for file in known):
            click.echo("CI: a job is there already.")
        elif workflows.parent.is_dir() or "github.com" in config:
            branch = _default_branch(config)
            self._propose("A job for GitHub Actions", workflows / "cancelcheck.yml", github_job(self._origin, branch))
        elif gitlab.exists() or "gitlab" in config:
            changed = gitlab_job(_text(gitlab), self._origin)
            if changed is None:
                job = gitlab_job("", self._origin) or ""
                click.echo(f"CI: {gitlab.name} has stages of its own; add this to it in one of them:\n{job}")
            else:
                self._propose("A job for GitLab CI", gitlab, changed)
        else:
            click.echo(f'CI: in any server\'s job: pip install "{self._origin.requirement}" && cancelcheck --quiet .')

    # --- how each is made

    def _check(self, *, writes: bool = False) -> tuple[Report, Path | None]:
        """Everything that is new here; with `writes` it is written to the baseline. And where the baseline is, if the
        settings name one."""
        from cancelcheck.cli.check import cores, open_store
        from cancelcheck.config import RunOptions, SettingsFinder
        from cancelcheck.engine.baseline import Known, file_for
        from cancelcheck.engine.pipeline import check

        finder = SettingsFinder()
        named = file_for(finder.for_folder(self._folder))
        known = Known(writes=writes or (named is not None and not named.exists()))
        run = RunOptions(
            no_cache=bool(os.environ.get("CANCELCHECK_NO_CACHE")), cache_dir=os.environ.get("CANCELCHECK_CACHE_DIR")
        )
        report = check(
            [str(self._folder)],
            finder,
            store=open_store(run, finder),
            jobs=cores(),
            filters=() if named is None else (known,),
        )
        if writes:
            known.write()
        return report, named

    def _settings_file(self) -> Path:
        own = self._folder / "cancelcheck.toml"
        if own.exists():
            return own
        project = self._folder / "pyproject.toml"
        return project if project.exists() else own

    def _propose_settings(
        self, what: str, keys: list[str], table: list[str] | None = None, *, asks: bool = True
    ) -> None:
        """Propose keys of the settings, and a table for promises."""
        import tomllib

        from cancelcheck.config import ConfigError, parse_settings
        from cancelcheck.engine.toml import with_table

        file = self._settings_file()
        is_own = file.name == "cancelcheck.toml"
        lines = [f"[{'' if is_own else 'tool.cancelcheck.'}sla]", *table] if table else []
        changed = with_table(_text(file), keys, lines, whole_file=is_own)
        try:
            found = tomllib.loads(changed)
            parse_settings(found if is_own else found["tool"]["cancelcheck"], file.name)
        except (tomllib.TOMLDecodeError, ConfigError):
            by_hand = "\n".join((*keys, *lines))
            click.echo(f"Settings: {file.name} has an unusual form; add this to it by hand:\n{by_hand}")
            return
        self._propose(what, file, changed, asks=asks)

    def _propose(self, what: str, file: Path, changed: str, *, asks: bool = True) -> None:
        """Show a change, ask for it, and make it."""
        from cancelcheck.config import shown
        from cancelcheck.engine.writing import replace_unchanged, write_whole

        before = file.read_bytes() if file.exists() else None
        name = shown(file)
        if asks:
            lines = difflib.unified_diff(
                _text(file).splitlines(),
                changed.splitlines(),
                name if before is not None else os.devnull,
                name,
                lineterm="",
            )
            click.echo(f"\n{what}:\n" + "\n".join(lines))
            if not self._asks(f"{'Change' if before is not None else 'Make'} {name}?"):
                return
        data = changed.encode("utf-8-sig" if before is not None and before.startswith(BOM_UTF8) else "utf-8")
        if before is not None:
            replace_unchanged(file, before, data)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, data)

    def _asks(self, question: str) -> bool:
        if self._yes:
            click.echo(f"{question} yes")
            return True
        try:
            return click.confirm(question, default=True)
        except click.Abort:
            import sys

            if sys.stdin.isatty():
                raise
            raise click.ClickException("there is nobody to answer: `--yes` answers yes to everything") from None


def _text(file: Path) -> str:
    """What stands in a file, line ends as they are; "" if there is none. Raises OSError where it cannot be read."""
    return file.read_bytes().decode("utf-8-sig") if file.is_file() else ""


def _yaml_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix in (".yml", ".yaml"))


def _default_branch(config: str) -> str:
    """The branch that a clone was made of; `main` where nothing says so."""
    match = re.search(r'^\[branch "(main|master|trunk|develop)"\]', config, re.MULTILINE)
    return match[1] if match is not None else "main"


def _say_found(survey: Survey) -> None:
    from cancelcheck.cli.recipes import counted_names
    from cancelcheck.reporting.counting import counted

    click.echo(f"Found {counted(len(survey.files), 'Python file')}.")
    if survey.roots:
        click.echo(f"  packages in: {', '.join(survey.roots)}")
    if survey.frameworks:
        click.echo(f"  frameworks: {', '.join(survey.frameworks)}")
    for what, names in (
        ("decorators that look like a promise", survey.promises),
        ("decorators that look like a compensation", survey.compensations),
        ("decorators that look like idempotency", survey.idempotent),
        ("decorators that look like a circuit breaker", survey.breakers),
    ):
        if names:
            click.echo(f"  {what}: {counted_names(sorted(names.items()))}")
    for path, promises in sorted(survey.contracts.items()):
        says = "" if promises else ", with no `x-cancel-timeout` or `x-sla`"
        click.echo(f"  OpenAPI: {path}{says}")


def _origin() -> Origin:
    """Where pip took this installation from, if it was a repository."""
    from importlib.metadata import PackageNotFoundError, distribution

    from cancelcheck.cli.recipes import Origin

    try:
        text = distribution("cancelcheck").read_text("direct_url.json")
    except PackageNotFoundError:
        return Origin()
    try:
        found = json.loads(text or "{}")
        vcs = found.get("vcs_info", {})
        url, commit = str(found["url"]), str(vcs["commit_id"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return Origin()
    return Origin(url, commit) if url.startswith(("https://", "ssh://", "http://", "git://", "file://")) else Origin()
