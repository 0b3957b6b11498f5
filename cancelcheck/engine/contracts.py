"""OpenAPI contracts, YAML or JSON: which operations say how long they may take.

Nothing is built from a file but its nodes, so that no tag of YAML can run anything; a `$ref` is followed into files of
the project only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cancelcheck import files
from cancelcheck.config import ConfigError
from cancelcheck.engine.discover import leads_into
from cancelcheck.engine.store import digest
from cancelcheck.model.contract import Operation

FIELDS = ("x-cancel-timeout", "x-sla")
"""Fields of an operation that say how long it may take, in milliseconds; the first that is there counts."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

MAX_REFERENCES = 12
"""References, one to another, that are followed."""


MAX_DEPTH = 400
"""Lists and mappings inside each other. A contract has some dozen."""


class Contracts:
    """What the contracts of a project say. `key` changes with anything that was read."""

    def __init__(self, root: Path, names: Sequence[str], where: str) -> None:
        self.operations: tuple[Operation, ...] = ()
        self._root = Path(os.path.realpath(root))
        self._where = where
        self._read: dict[Path, tuple[Any, bytes]] = {}
        self._lines: dict[Path, list[str]] = {}
        self._members: dict[int, dict[str, Any]] = {}
        found: list[Operation] = []
        for name in names:
            # the settings may name a file beside the project; a link in it may not
            beside = os.path.dirname(os.path.abspath(root / name))
            if not leads_into(str(root / name), (str(root), beside)):
                raise self._problem(name, "is a link that leads out of the project")
            path = Path(os.path.realpath(root / name))
            found += self._operations(path, self._document(path, name))
        self.operations = tuple(found)

    @property
    def files(self) -> list[str]:
        """The files that were read."""
        return [str(path) for path in sorted(self._read)]

    @property
    def key(self) -> bytes:
        """A digest of all files that were read."""
        return digest(*(str(path).encode() + b"\0" + content for path, (_, content) in sorted(self._read.items())))

    def _document(self, path: Path, name: str) -> Any:
        """The root node of a file. Raises `ConfigError`."""
        known = self._read.get(path)
        if known is not None:
            return known[0]
        import yaml

        try:
            content = files.read(path)
            if len(content) > files.LIMIT:
                raise self._problem(name, f"cannot be read: it has more than {files.LIMIT:,} bytes")
            # in JSON a tab may stand between values, and in YAML not
            text = content.decode("utf-8-sig")
            node = _composed(text.replace("\t", " ") if path.suffix == ".json" else text)
        except OSError as error:
            raise self._problem(name, error.strerror or str(error)) from None
        except RecursionError:
            raise self._problem(name, "cannot be read: it is nested too deeply") from None
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise self._problem(name, f"cannot be read: {_reason(error)}") from None
        self._read[path] = (node, content)
        self._lines[path] = text.splitlines()
        return node

    def _problem(self, name: str, what: str) -> ConfigError:
        return ConfigError(f"{self._where}: `sla.openapi`: {name}: {what}")

    def _operations(self, path: Path, document: Any) -> Iterator[Operation]:
        for key, item in _pairs(_get(document, "paths")):
            file, node = self._followed(path, item)
            for name, operation in _pairs(node):
                if name.value.lower() in _METHODS:
                    found = self._operation(name.value.upper(), key.value, *self._followed(file, operation))
                    if found is not None:
                        yield found

    def _operation(self, method: str, path: str, file: Path, node: Any) -> Operation | None:
        for field in FIELDS:
            for key, value in _pairs(node):
                if key.value != field:
                    continue
                timeout = _number(_get(value, "timeout_ms") if field == "x-sla" and _pairs(value) else value)
                if timeout is None:
                    continue
                named = _get(node, "operationId")
                lines = self._lines[file]
                line = key.start_mark.line
                return Operation(
                    method=method,
                    path=path,
                    operation_id=str(getattr(named, "value", "") or ""),
                    field=field,
                    timeout_ms=timeout,
                    file=str(file),
                    line=line + 1,
                    column=key.start_mark.column + 1,
                    text=lines[line].strip() if line < len(lines) else "",
                )
        return None

    def _followed(self, file: Path, node: Any, steps: int = MAX_REFERENCES) -> tuple[Path, Any]:
        """Where a node stands, once `$ref` is followed; what leads out of the project, or to nothing, is nothing."""
        reference = _get(node, "$ref")
        if reference is None or steps <= 0:
            return file, node
        target, _, pointer = str(reference.value).partition("#")
        if "://" in target:
            return file, None
        try:
            place = Path(os.path.realpath(file.parent / target)) if target else file
            is_ours = place.is_relative_to(self._root) and place.is_file()
        except (OSError, ValueError):
            # no file can have that name
            return file, None
        if not is_ours:
            return file, None
        found = self._document(place, str(reference.value))
        for part in pointer.strip("/").split("/") if pointer.strip("/") else ():
            found = self._member(found, part.replace("~1", "/").replace("~0", "~"))
        return self._followed(place, found, steps - 1)

    def _member(self, node: Any, name: str) -> Any:
        """The same as `_get`, for what many references lead through; the nodes of what was read stay where they are."""
        known = self._members.get(id(node))
        if known is None:
            known = self._members[id(node)] = {key.value: item for key, item in reversed(_pairs(node))}
        return known.get(name)


def _composed(text: str) -> Any:
    """The root node of a text in YAML. libyaml takes a fifth of the time, where PyYAML has it; what is wrong with a
    text, PyYAML says."""
    import yaml

    fast = getattr(yaml, "CSafeLoader", None)
    if fast is not None:
        with suppress(yaml.YAMLError):
            return _node(text, fast)
    return _node(text, yaml.SafeLoader)


def _node(text: str, loader: Any) -> Any:
    """The root node as a loader reads the text, put together here: libyaml's own composer calls itself for each level,
    and a text of a few thousand takes the process with it. Raises RecursionError where there are too many."""
    import yaml

    root: Any = None
    anchors: dict[str, Any] = {}
    # the nodes that are not at their end, each with the key of a mapping that waits for its value
    above: list[tuple[Any, Any]] = []
    for event in yaml.parse(text, Loader=loader):
        match event:
            case yaml.DocumentStartEvent() if root is not None:
                raise _wrong("found another document", event)
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    raise _wrong("found undefined alias", event)
                node = anchors[event.anchor]
            case yaml.ScalarEvent():
                node = yaml.ScalarNode(event.tag, event.value, event.start_mark, event.end_mark)
            case yaml.SequenceStartEvent():
                node = yaml.SequenceNode(event.tag, [], event.start_mark)
            case yaml.MappingStartEvent():
                node = yaml.MappingNode(event.tag, [], event.start_mark)
            case yaml.CollectionEndEvent():
                above.pop()
                continue
            case _:
                continue
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            if event.anchor in anchors:
                raise _wrong("found duplicate anchor", event)
            anchors[event.anchor] = node
        if not above:
            root = node
        else:
            inside, key = above[-1]
            if inside.id == "sequence":
                inside.value.append(node)
            elif key is None:
                above[-1] = inside, node
            else:
                inside.value.append((key, node))
                above[-1] = inside, None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(above) == MAX_DEPTH:
                raise RecursionError
            above.append((node, None))
    return root


def _wrong(problem: str, event: Any) -> Exception:
    import yaml

    error: Exception = yaml.composer.ComposerError(None, None, problem, event.start_mark)
    return error


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a mapping, as nodes."""
    value = getattr(node, "value", None)
    if getattr(node, "id", "") != "mapping" or not isinstance(value, list):
        return []
    return [(key, item) for key, item in value if getattr(key, "id", "") == "scalar"]


def _get(node: Any, name: str) -> Any:
    return next((item for key, item in _pairs(node) if key.value == name), None)


def _reason(error: Exception) -> str:
    """Why a text cannot be read, with the line, and nothing of what stands there: that may be anybody's."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if not problem or mark is None:
        return " ".join(str(error).split())
    return f"{' '.join(problem.split())}, in line {mark.line + 1}"


def _number(node: Any) -> float | None:
    value = getattr(node, "value", None)
    if getattr(node, "id", "") != "scalar" or not isinstance(value, str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
