"""A task that is kept on an attribute and then forgotten.

## Why
An attribute keeps the task from vanishing, and that is all it does when nobody awaits or cancels it: the task runs on
after its object is closed, and its failure is seen by nobody.

```python bad
import asyncio

class Feed:
    def start(self):
        self._task = asyncio.create_task(self._poll())

    async def _poll(self):
        while True:
            await asyncio.sleep(1)
```

```python good
import asyncio

class Feed:
    def start(self):
        self._task = asyncio.create_task(self._poll())

    async def stop(self):
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _poll(self):
        while True:
            await asyncio.sleep(1)
```

## Fix safety
There is no fix: where the task ends is for the author to say.

## Known limits
Looked at are the methods of the class and of its bases, the rest of the file, and the bases' files. A public attribute
(one without an underscore in front) is left alone where the class is public too: other files may use it. A subclass in
another file is not seen. A task that ends by itself, as far as what it runs is seen, may be kept for no more than not
to vanish; so only one that loops for ever, or for as long as others send something, is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.link import Context, FunctionView
from cancelcheck.link.tasks.holding import abandoned_tasks
from cancelcheck.link.tasks.spawning import work_text
from cancelcheck.model.finding import Finding
from cancelcheck.model.rule import Asks, Default, Family, Rule


def check(fn: FunctionView, ctx: Context) -> Iterator[Finding]:
    """Reports each task that is stored on an attribute which nobody awaits, cancels or hands on."""
    for task in abandoned_tasks(fn):
        yield ctx.report(
            fn,
            task.call.index,
            f"nobody awaits or cancels `self.{task.attribute}`: the task `{work_text(task.call, task.spawner)}` "
            f"outlives `{task.owner.name}`, and its failure is never seen",
            help="Cancel and await it where the object is closed, or start it in a task group.",
        )


RULE = Rule(
    code="CAN120",
    name="abandoned-task",
    family=Family.LOST_CANCEL,
    default=Default.STRICT,
    since="0.1",
    doc=__doc__,
    check=check,
    asks=Asks.SPAWN,
)
