"""What holds for the facts of every file, whatever it says."""

from __future__ import annotations

from collections.abc import Iterator

from cancelcheck.model.facts import (
    AnyNode,
    Assign,
    Attr,
    Await,
    Block,
    BlockEnd,
    Call,
    Comprehension,
    Define,
    Delete,
    Display,
    Enter,
    Except,
    Exit,
    Expr,
    Function,
    FunctionKind,
    Import,
    Iterate,
    Jump,
    Lambda,
    ModuleFacts,
    Name,
    Operation,
    Raise,
    RegionKind,
    Return,
    Starred,
    Store,
    StoreAttr,
    StoreItem,
    Subscript,
    Test,
    Unpack,
    Yield,
)

_PURE = (Attr, Call, Await, Yield, Display, Operation, Subscript, Comprehension, Starred, StoreAttr, StoreItem, Unpack)
"""Nodes whose span holds the spans of all their operands."""

_REGION_NODES = {
    RegionKind.WITH: (Enter,),
    RegionKind.HANDLER: (Except,),
    RegionKind.LOOP: (Iterate, Test),
    RegionKind.COMPREHENSION: (Iterate,),
}


def operands(node: AnyNode) -> list[int]:
    """The nodes that a node uses, -1 left out; not the ones that it only points back to (an Exit's Enter)."""
    match node:
        case Attr() | Await() | Yield() | Starred() | StoreAttr() | Expr() | Return():
            found = [node.value]
        case Call():
            found = [node.func, *(arg.value for arg in node.args)]
        case Display():
            found = [*node.items, *node.keys]
        case Operation() | Delete():
            found = node.operands
        case Subscript() | StoreItem():
            found = [node.value, node.index]
        case Comprehension():
            found = node.elements
        case Unpack():
            found = node.items
        case Assign():
            found = [*node.targets, node.value, node.annotation]
        case Raise():
            found = [node.exc, node.cause]
        case Enter():
            found = [node.context, node.target]
        case Iterate():
            found = [node.iterable, node.target]
        case Except():
            found = [node.caught]
        case Define():
            found = [*node.decorators, *(base.value for base in node.bases)]
        case _:
            found = []
    return [index for index in found if index >= 0]


def can_be_cancelled(node: AnyNode) -> bool:
    """Whether the framework can deliver a cancellation at this node."""
    return isinstance(node, Await) or (isinstance(node, (Iterate, Enter, Exit)) and node.is_async)


def reachable(function: Function) -> set[int]:
    """The blocks that can be reached from the first one, by flow or by an error."""
    seen = {0}
    pending = [0]
    while pending:
        block = function.blocks[pending.pop()]
        onward = block.next if block.on_error < 0 else [*block.next, block.on_error]
        new = [index for index in onward if index not in seen]
        seen.update(new)
        pending.extend(new)
    return seen


def broken_promises(facts: ModuleFacts, text: str) -> list[str]:
    """Every promise of `model/facts.py` that these facts of this text do not keep, in words."""
    problems: list[str] = []
    for index, function in enumerate(facts.functions):
        where = f"function {index} {function.qualname or '<module>'}"
        found = [
            *_structure(facts, index),
            *_blocks(function),
            *_nodes(facts, function, text),
            *_regions(function, len(text)),
        ]
        problems.extend(f"{where}: {problem}" for problem in found)
    return problems


def _structure(facts: ModuleFacts, index: int) -> Iterator[str]:
    function = facts.functions[index]
    if (function.kind is FunctionKind.MODULE) != (index == 0):
        yield f"kind {function.kind}"
    if index == 0:
        return
    if not 0 <= function.parent < index:
        yield f"parent {function.parent} does not come before it"
        return
    parent = facts.functions[function.parent]
    if not 0 <= function.define < len(parent.nodes):
        yield f"define {function.define} is no node of its parent"
        return
    define = parent.nodes[function.define]
    if not isinstance(define, (Define, Lambda)) or define.function != index:
        yield f"define {define} is about something else"
    if not parent.start <= function.start <= function.head <= function.end <= parent.end:
        yield f"span {function.start}-{function.head}-{function.end} does not lie in {parent.start}-{parent.end}"
    outer = [function.returns, *function.decorators, *(p.default for p in function.params)]
    outer += [p.annotation for p in function.params]
    if any(not -1 <= reference < len(parent.nodes) for reference in outer):
        yield f"a reference into the parent is out of range: {outer}"
    for name, binders in function.bound.items():
        for binder in binders:
            if not -1 <= binder < len(function.nodes):
                yield f"`{name}` is bound by no node: {binder}"
            elif binder >= 0 and not isinstance(function.nodes[binder], (Store, Define, Import, Except)):
                yield f"`{name}` is bound by {function.nodes[binder]}"


def _blocks(function: Function) -> Iterator[str]:
    owners = [0] * len(function.nodes)
    for index, block in enumerate(function.blocks):
        for node in range(block.start, block.end):
            owners[node] += 1
        yield from (f"block {index}: {problem}" for problem in _block(function, block))
    yield from (f"node {node} lies in {count} blocks" for node, count in enumerate(owners) if count != 1)
    alive = reachable(function)
    for index in sorted(alive):
        block = function.blocks[index]
        if block.ends is BlockEnd.FLOW and not block.next:
            yield f"block {index} can be reached, and leads nowhere"


def _block(function: Function, block: Block) -> Iterator[str]:
    count = len(function.blocks)
    if not 0 <= block.start <= block.end <= len(function.nodes):
        yield f"range {block.start}-{block.end}"
    if any(not 0 <= target < count for target in block.next) or len(set(block.next)) != len(block.next):
        yield f"next {block.next}"
    if not -1 <= block.on_error < count:
        yield f"on_error {block.on_error}"
    if not 0 <= block.region < len(function.regions):
        yield f"region {block.region}"
        return
    if block.ends is BlockEnd.RETURN and block.next:
        yield f"returns, and goes on to {block.next}"
    region = block.region
    while region >= 0:
        if function.regions[region].kind is RegionKind.PROTECTED and block.on_error < 0:
            if any(can_be_cancelled(node) for node in function.nodes[block.start : block.end]):
                yield "a cancellation in a `try` goes past its handlers"
            break
        region = function.regions[region].parent


def _nodes(facts: ModuleFacts, function: Function, text: str) -> Iterator[str]:
    nodes = function.nodes
    for index, node in enumerate(nodes):
        label = f"node {index} {node}"
        if not 0 <= node.start <= node.end <= len(text):
            yield f"{label}: span"
            continue
        if not -1 <= node.parent < len(nodes):
            yield f"{label}: parent"
        for operand in operands(node):
            if not 0 <= operand < len(nodes):
                yield f"{label}: operand {operand}"
                continue
            used = nodes[operand]
            if used.parent != index:
                yield f"{label}: operand {operand} says that its parent is {used.parent}"
            if operand >= index and not (isinstance(node, Enter) and operand == node.target):
                yield f"{label}: operand {operand} is evaluated later"
            if isinstance(node, _PURE) and not node.start <= used.start <= used.end <= node.end:
                yield f"{label}: operand {used} stands outside"
        yield from (f"{label}: {problem}" for problem in _text(node, text))
        match node:
            case Lambda() | Define() if not 0 < node.function < len(facts.functions):
                yield f"{label}: function"
            case Test() if not 0 <= node.value < index:
                yield f"{label}: value"
            case Exit() if not isinstance(nodes[node.enter], Enter):
                yield f"{label}: enter"
            case Enter() | Except() | Comprehension() if not 0 <= node.region < len(function.regions):
                yield f"{label}: region"
            case Jump() if function.regions[node.loop].kind is not RegionKind.LOOP:
                yield f"{label}: loop"


def _text(node: AnyNode, text: str) -> Iterator[str]:
    shown = text[node.start : node.end]
    if shown[:1] in ("'", '"') or shown[:2].lower() in ("r'", 'r"', "u'", 'u"'):
        # Parts of a quoted annotation stand where the quotes stand.
        return
    match node:
        case Name() | Store() if shown != node.id.partition("·")[0]:
            yield f"stands at {shown!r}"
        case Attr() | StoreAttr() if not shown.endswith(node.attr):
            yield f"stands at {shown!r}"
        case Call() if text[node.close] != ")" or node.close + 1 != node.end:
            yield f"`close` is at {text[node.close]!r}"
        case Await() if not shown.startswith("await"):
            yield f"stands at {shown!r}"
        case Raise() if not shown.startswith("raise"):
            yield f"stands at {shown!r}"
        case Return() if not shown.startswith("return") and node.parent >= 0:
            yield f"stands at {shown!r}"
        case Except() if not shown.startswith("except"):
            yield f"stands at {shown!r}"


def _regions(function: Function, size: int) -> Iterator[str]:
    for index, region in enumerate(function.regions):
        label = f"region {index} {region}"
        if not 0 <= region.start <= region.end <= size:
            yield f"{label}: span"
        if (region.parent < 0) != (index == 0) or region.parent >= index:
            yield f"{label}: parent"
        elif region.parent >= 0:
            outer = function.regions[region.parent]
            if not outer.start <= region.start <= region.end <= outer.end:
                yield f"{label}: does not lie in {outer}"
        if not -1 <= region.entry < len(function.blocks):
            yield f"{label}: entry"
        wanted = _REGION_NODES.get(region.kind)
        if (wanted is None) != (region.node < 0):
            yield f"{label}: node"
        elif wanted is not None and not isinstance(function.nodes[region.node], wanted):
            yield f"{label}: node is {function.nodes[region.node]}"
