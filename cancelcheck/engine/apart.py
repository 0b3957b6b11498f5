"""Facts of a text that its parser may be long over, or fall over: from a process that can be ended.

Such texts are rare (none in the standard library), and the process takes a quarter of a second to start. It gets the
text, and gives the facts back, as data. It is started with this one's path to modules and nothing else of its
environment, so that nothing in the current folder is imported.
"""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import traceback

import msgspec

from cancelcheck.engine import watch
from cancelcheck.engine.lowering import ParseError
from cancelcheck.engine.watch import TooLongError
from cancelcheck.model.facts import ModuleFacts
from cancelcheck.model.source import SourceFile

_LARGEST_STATUS = 255
"""Of a process that ended by itself. One that was ended has a negative one, or on Windows a much larger one."""

_BEGIN = "import sys; sys.path[:] = sys.argv[1:]; from cancelcheck.engine.apart import serve; serve()"


class Request(msgspec.Struct, frozen=True):
    """What is to be lowered."""

    text: bytes
    module: str
    is_package: bool
    seconds: float


class Answer(msgspec.Struct, frozen=True):
    """What came of it: `facts`, or the `line` of what is wrong and a `reason`, or the traceback of a `defect`."""

    facts: ModuleFacts | None = None
    line: int = 1
    reason: str = ""
    defect: str = ""


class DefectError(Exception):
    """The process failed as no text should make it: its traceback."""


def lower_apart(source: SourceFile) -> ModuleFacts:
    """The facts of one file. Raises `ParseError` where it cannot be lowered, `TooLongError` where that takes too long,
    `DefectError`."""
    text = source.text.encode("utf-8", "surrogatepass")
    request = Request(text, source.module, source.is_package, watch.LIMIT)
    try:
        done = subprocess.run(  # noqa: S603 - this Python, with this text
            [sys.executable, "-I", "-c", _BEGIN, *sys.path],
            input=msgspec.msgpack.encode(request),
            capture_output=True,
            check=False,
            timeout=watch.LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise TooLongError from None
    if not 0 <= done.returncode <= _LARGEST_STATUS:
        # the end of the stack, or of the memory, takes the process with it
        raise ParseError(1, "is nested too deeply to be analysed: the parser does not survive it")
    if done.returncode != 0:
        raise DefectError(done.stderr.decode("utf-8", "replace"))
    answer = msgspec.msgpack.decode(done.stdout, type=Answer)
    if answer.defect:
        raise DefectError(answer.defect)
    if answer.facts is None:
        raise ParseError(answer.line, answer.reason)
    return answer.facts


def serve() -> None:
    """What the process does."""
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    # should whoever asked have died, nobody ends this process but itself
    faulthandler.dump_traceback_later(2 * request.seconds, exit=True)
    sys.stdout.buffer.write(_answered(request))
    sys.stdout.buffer.flush()


def _answered(request: Request) -> bytes:
    from cancelcheck.lower import LowerError, lower_module

    source = SourceFile(
        "", request.text.decode("utf-8", "surrogatepass"), module=request.module, is_package=request.is_package
    )
    try:
        return msgspec.msgpack.encode(Answer(facts=lower_module(source, whole=True)))
    except LowerError as error:
        return msgspec.msgpack.encode(Answer(line=error.line, reason=error.reason))
    except Exception:
        return msgspec.msgpack.encode(Answer(defect=traceback.format_exc()))
