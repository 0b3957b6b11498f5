"""Where an import goes, and how a function can name what it imports."""

from __future__ import annotations

import ast

import pytest

from cancelcheck.catalog import Catalog
from cancelcheck.config import Settings
from cancelcheck.fixing import apply_edits
from cancelcheck.link import FunctionView, Project
from cancelcheck.link.imports import Access, access_to, access_to_member
from cancelcheck.lower.module import lower_module
from cancelcheck.model.edit import Edit
from cancelcheck.model.source import SourceFile

USE = "\n\ndef use(items):\n    return items\n"


def function_of(text: str) -> FunctionView:
    source = SourceFile("app/run.py", text, module="app.run")
    module = Project(Catalog(), Settings(), lambda name, near: None).add(source, lower_module(source))
    return next(view for view in module.functions if view.name == "use")


def applied(text: str, access: Access) -> str:
    changed = apply_edits(text, [Edit(*edit) for edit in access.edits])
    ast.parse(changed)
    return changed


MERGED = [
    ("from contextlib import suppress\n", "from contextlib import aclosing, suppress\n"),
    (
        "from contextlib import AbstractContextManager\n",
        "from contextlib import AbstractContextManager, aclosing\n",
    ),
    ("from contextlib import (suppress)\n", "from contextlib import (aclosing, suppress)\n"),
    ("from contextlib import suppress as quiet\n", "from contextlib import aclosing, suppress as quiet\n"),
    (
        "from contextlib import (\n    ExitStack,\n    suppress,\n)\n",
        "from contextlib import (\n    ExitStack,\n    aclosing,\n    suppress,\n)\n",
    ),
    (
        "from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext\n",
        (
            "from contextlib import (\n    AsyncExitStack,\n    aclosing,\n    asynccontextmanager,\n"
            "    contextmanager,\n    nullcontext,\n)\n"
        ),
    ),
]

INSERTED = [
    ("import asyncio\n", "import asyncio\nfrom contextlib import aclosing\n"),
    ("import asyncio\nimport sys\n", "import asyncio\nimport sys\nfrom contextlib import aclosing\n"),
    (
        "import asyncio\nfrom collections import deque\nfrom typing import Any\n",
        "import asyncio\nfrom collections import deque\nfrom contextlib import aclosing\nfrom typing import Any\n",
    ),
    ("from typing import Any\n", "from contextlib import aclosing\nfrom typing import Any\n"),
    (
        "from asyncio import sleep\nimport sys\n",
        "from asyncio import sleep\nfrom contextlib import aclosing\nimport sys\n",
    ),
    (
        "import asyncio\n\nimport httpx\n\nfrom . import other\n",
        "import asyncio\nfrom contextlib import aclosing\n\nimport httpx\n\nfrom . import other\n",
    ),
    ("import httpx\n", "from contextlib import aclosing\n\nimport httpx\n"),
    (
        "from __future__ import annotations\n\nimport httpx\n",
        "from __future__ import annotations\n\nfrom contextlib import aclosing\n\nimport httpx\n",
    ),
    (
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nfrom contextlib import aclosing\n",
    ),
    (
        '"""About."""\n\nimport sys  # why\n',
        '"""About."""\n\nimport sys  # why\nfrom contextlib import aclosing\n',
    ),
    ('"""About."""\n', '"""About."""\n\nfrom contextlib import aclosing\n'),
    ("# about\n", "# about\n\nfrom contextlib import aclosing\n"),
    ("X = 1\n", "from contextlib import aclosing\n\nX = 1\n"),
    (
        "import sys\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from contextlib import aclosing\n",
        None,
    ),
    (
        "import sys\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from contextlib import ExitStack\n",
        (
            "import sys\nfrom contextlib import aclosing\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
            "    from contextlib import ExitStack\n"
        ),
    ),
    (
        "import sys\n\ntry:\n    import ujson\nexcept ImportError:\n    import json as ujson\n\nimport typing\n",
        "import sys\nimport typing\nfrom contextlib import aclosing\n",
    ),
    ("import asyncio\r\n", "import asyncio\r\nfrom contextlib import aclosing\r\n"),
    ("import os; import sys\n", None),
    (
        "from contextlib import (\n    ExitStack,  # held\n    suppress,\n)\n",
        "from contextlib import (\n    ExitStack,  # held\n    suppress,\n)\nfrom contextlib import aclosing\n",
    ),
    ("from contextlib import *\n", "from contextlib import *\nfrom contextlib import aclosing\n"),
]


@pytest.mark.parametrize(("head", "wanted"), MERGED + INSERTED)
def test_a_member_is_imported_where_it_sorts(head: str, wanted: str | None) -> None:
    text = head + USE
    found = access_to_member(function_of(text), "contextlib", "aclosing")
    if wanted is None:
        assert found is None or found.name == "contextlib.aclosing"
        return
    assert found is not None
    assert found.name == "aclosing"
    changed = applied(text, found)
    if "try:" in head:
        assert changed.startswith("import sys\n")
        return
    assert changed.removesuffix(USE).rstrip("\n") == wanted.rstrip("\n")
    again = access_to_member(function_of(changed), "contextlib", "aclosing")
    assert again == Access("aclosing")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("from contextlib import aclosing\n", "aclosing"),
        ("from contextlib import aclosing as closing\n", "closing"),
        ("import contextlib\n", "contextlib.aclosing"),
        ("import contextlib as c\n", "c.aclosing"),
        ("import contextlib\nfrom contextlib import aclosing\n", "aclosing"),
    ],
)
def test_what_is_imported_is_used(head: str, name: str) -> None:
    assert access_to_member(function_of(head + USE), "contextlib", "aclosing") == Access(name)


def test_a_name_that_is_taken_is_reached_through_its_module() -> None:
    text = "import sys\n\naclosing = None\n" + USE
    found = access_to_member(function_of(text), "contextlib", "aclosing")
    assert found is not None
    assert found.name == "contextlib.aclosing"
    assert applied(text, found).startswith("import contextlib\nimport sys\n")


def test_a_module_that_is_taken_too_is_not_reached() -> None:
    text = "aclosing = contextlib = None\n" + USE
    assert access_to_member(function_of(text), "contextlib", "aclosing") is None


def test_a_parameter_hides_an_import() -> None:
    text = "import contextlib\n\n\ndef use(contextlib):\n    return contextlib\n"
    found = access_to_member(function_of(text), "contextlib", "aclosing")
    assert found is not None
    assert found.name == "aclosing"


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("import sys\n", "import asyncio\nimport sys\n"),
        ("import abc\n", "import abc\nimport asyncio\n"),
        ("from typing import Any\n", "import asyncio\nfrom typing import Any\n"),
        ("import httpx\n", "import asyncio\n\nimport httpx\n"),
    ],
)
def test_a_module_is_imported_where_it_sorts(head: str, wanted: str) -> None:
    text = head + USE
    found = access_to(function_of(text), "asyncio")
    assert found is not None
    assert applied(text, found) == wanted + USE


def test_what_is_not_of_the_standard_library_stands_in_its_section() -> None:
    text = "import sys\n\nimport httpx\n\nfrom app.base import Base\n\nfrom .near import Near\n" + USE
    own = access_to_member(function_of(text), "app.settings", "TIMEOUT")
    other = access_to(function_of(text), "anyio")
    assert own is not None
    assert other is not None
    assert "from app.base import Base\nfrom app.settings import TIMEOUT\n\n" in applied(text, own)
    assert "import anyio\nimport httpx\n" in applied(text, other)
