"""Grows one function's facts: nodes in the order of evaluation, blocks, edges, regions, and the names it binds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cancelcheck.model.facts import AnyNode, Block, BlockEnd, Exit, Function, FunctionKind, Region, RegionKind


class Frame:
    """Something that `return`, `break` and `continue` have to pass on their way out."""

    __slots__ = ("break_to", "continue_to", "enter", "final", "is_async", "on_error", "pending", "region")

    def __init__(self, region: int, on_error: int) -> None:
        self.region = region
        self.on_error = on_error
        self.enter = -1
        self.is_async = False
        self.final = -1
        self.pending: list[tuple[str, Frame | None]] = []
        self.break_to = -1
        self.continue_to = -1


class ModuleBuilder:
    """What the functions of one module share while they are lowered."""

    def __init__(self, places: Any, module: str, is_package: bool) -> None:
        self.places = places
        self.functions: list[Function] = []
        self.libraries: set[str] = set()
        self.package = module if is_package else module.rpartition(".")[0]

    def absolute(self, level: int, name: str) -> str:
        """The absolute dotted path of `from <level dots><name> import …`; one that begins with a dot where the file
        is in no known package."""
        if level == 0:
            return name
        base = self.package
        for _ in range(level - 1):
            base = base.rpartition(".")[0]
        if not base:
            return "." + name
        return f"{base}.{name}" if name else base


class Builder:
    """One function while it is lowered."""

    def __init__(
        self,
        module: ModuleBuilder,
        *,
        name: str,
        qualname: str,
        kind: FunctionKind,
        is_async: bool,
        parent: int,
        span: tuple[int, int],
        head: int,
    ) -> None:
        self.module = module
        self.index = len(module.functions)
        self.function = Function(
            name=name,
            qualname=qualname,
            kind=kind,
            is_async=is_async,
            parent=parent,
            start=span[0],
            end=span[1],
            head=head,
        )
        module.functions.append(self.function)
        self.nodes: list[AnyNode] = self.function.nodes
        self.blocks: list[Block] = self.function.blocks
        self.regions: list[Region] = self.function.regions
        self.frames: list[Frame] = []
        self.scopes: list[dict[str, str]] = []
        self.mangled = 0
        self.stand_in(module.places)
        self.live: set[int] = {0}
        self.on_error = -1
        self.region = -1
        self.current = -1
        self.region = self.open_region(RegionKind.BODY, span)
        self.begin(self.block())

    def stand_in(self, places: Any) -> None:
        """From here on these say where nodes stand: others while a quoted annotation is lowered."""
        self.places = places
        self.span: Callable[[Any], tuple[int, int]] = places.span
        self.names_differ: bool = places.names_differ

    # --- nodes

    def emit(self, node: AnyNode, *operands: int) -> int:
        """Appends a node to the current block, and makes it the parent of its operands."""
        nodes = self.nodes
        index = len(nodes)
        nodes.append(node)
        for operand in operands:
            if operand >= 0:
                nodes[operand].parent = index
        return index

    def bind(self, name: str, index: int) -> None:
        """Notes that the node `index` binds `name`."""
        self.function.bound.setdefault(name, []).append(index)

    def resolve_scope(self, name: str) -> str:
        """The name, or the one that a comprehension around has for it."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return name

    def mangle(self, name: str) -> str:
        """A name for a variable of a comprehension, unlike any other of the function."""
        self.mangled += 1
        return f"{name}·{self.mangled}"

    # --- blocks and edges

    def block(self) -> int:
        """A new block, not begun yet; errors go where they go now, and it lies in the current region."""
        self.blocks.append(Block(0, 0, [], self.on_error, self.region))
        return len(self.blocks) - 1

    def begin(self, index: int) -> None:
        """Ends the current block, without an edge, and goes on in `index`."""
        end = len(self.nodes)
        if self.current >= 0:
            self.blocks[self.current].end = end
        block = self.blocks[index]
        block.start = block.end = end
        block.on_error = self.on_error
        block.region = self.region
        self.current = index

    def link(self, target: int, source: int | None = None) -> None:
        """An edge from `source` (the current block) to `target`. Nothing leads on from where nothing leads to."""
        source = self.current if source is None else source
        if source in self.live:
            successors = self.blocks[source].next
            if target not in successors:
                successors.append(target)
            self.live.add(target)

    def go(self, target: int) -> None:
        """Flows on from the current block into `target`, and goes on there."""
        self.link(target)
        self.begin(target)

    def cut(self) -> None:
        """Goes on in a fresh block that the current one flows into: where region or error target change."""
        self.go(self.block())

    def stop(self, ends: BlockEnd) -> None:
        """Ends the current block for good; what follows in the text is not reached from it."""
        self.blocks[self.current].ends = ends
        self.begin(self.block())

    def finish(self) -> Function:
        """Ends the function: it falls off its end."""
        self.blocks[self.current].ends = BlockEnd.RETURN
        self.blocks[self.current].end = len(self.nodes)
        return self.function

    # --- regions

    def open_region(self, kind: RegionKind, span: tuple[int, int]) -> int:
        """A new region inside the current one; it is not entered yet."""
        self.regions.append(Region(kind, self.region, span[0], span[1]))
        return len(self.regions) - 1

    def enter(self, region: int, *, begin: bool = True) -> None:
        """Makes `region` the current one, in a block of its own."""
        self.region = region
        if begin:
            self.cut()
        self.regions[region].entry = self.current

    # --- leaving early

    def leave(self, kind: str, loop: Frame | None) -> None:
        """`return` (loop is None), `break` or `continue`: passes every frame on the way out, innermost first."""
        saved = (self.on_error, self.region)
        stop_at = self.frames.index(loop) if loop is not None else -1
        for position in range(len(self.frames) - 1, stop_at, -1):
            frame = self.frames[position]
            if frame.final >= 0:
                self.link(frame.final)
                self.blocks[self.current].leaves = kind
                if (kind, loop) not in frame.pending:
                    frame.pending.append((kind, loop))
                break
            if frame.enter >= 0:
                self.on_error, self.region = frame.on_error, frame.region
                self.cut()
                self.exit(frame.enter, frame.is_async, on_error=False)
        else:
            if loop is None:
                self.blocks[self.current].ends = BlockEnd.RETURN
            else:
                self.link(loop.break_to if kind == "break" else loop.continue_to)
        self.on_error, self.region = saved
        self.begin(self.block())

    def exit(self, enter: int, is_async: bool, *, on_error: bool) -> int:
        """The context manager entered at `enter` is left."""
        item = self.nodes[enter]
        return self.emit(Exit(item.start, item.end, -1, enter, is_async, on_error))
