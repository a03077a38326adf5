"""What the operators that move and cut axes do: to the outputs of layers, final states, sizes and initial states."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rnnbp.interop.onnx.branches import side_by_side
from rnnbp.interop.onnx.import_recurrent import both_directions, one_direction
from rnnbp.interop.onnx.node import Node, described
from rnnbp.interop.onnx.size_rules import outputs_of, sizes_in
from rnnbp.interop.onnx.values import (
    BATCH,
    DIRECTIONS,
    FEATURES,
    TIME,
    Axis,
    Filled,
    Final,
    Finals,
    Outputs,
    Sizes,
    StateInput,
    Value,
    reshaped,
    size_of,
)
from rnnbp.layers import Last, Reverse


def _same(node: Node) -> Value:
    """Return the input 0 of an operator that changes nothing of what is known about it."""
    return node.input(0)


# ---- parts of an axis -----------------------------------------------------------------------------------


def _gather(node: Node) -> Value:
    x, axis = node.input(0), node.attributes.get("axis", 0)
    if isinstance(x, Filled | StateInput):
        return x
    index = node.array(1, "the indices")
    if isinstance(x, Sizes):
        picked = tuple(x.sizes[int(k)] for k in index.reshape(-1))
        return Sizes(picked, scalar=index.ndim == 0)
    if index.size != 1:
        raise node.refuse("several indices are not supported")
    k = int(index.reshape(-1)[0])
    if isinstance(x, Finals):
        picked_finals = _part(node, x, axis, slice(k, k + 1 or None))
        return _only(node, picked_finals) if index.ndim == 0 else picked_finals
    return _step(node, outputs_of(node), axis, k, dropped=index.ndim == 0)


def _slice(node: Node) -> Value:
    x = node.input(0)
    if isinstance(x, Filled | StateInput):
        return x
    starts, ends, axes = _bounds(node)
    if len(starts) != 1:
        raise node.refuse("a slice of several axes is not supported")
    start, end, axis = starts[0], ends[0], axes[0]
    if isinstance(x, Sizes):
        return Sizes(x.sizes[start:end])
    if isinstance(x, Finals):
        return _part(node, x, axis, slice(start, end))
    outputs = outputs_of(node)
    if axis % len(outputs.axes) == len(outputs.axes) - 1 and (half := _half(outputs, start, end)) is not None:
        return half
    if start == -1 and end > 2**30:
        return _step(node, outputs, axis, -1, dropped=False)
    if (start, end) == (0, 1):
        return _step(node, outputs, axis, 0, dropped=False)
    raise node.refuse(f"a slice [{start}:{end}] of the outputs of layers is not supported, [-1:] and [0:1] of time are")


def _bounds(node: Node) -> tuple[list[int], list[int], list[int]]:
    """Return starts, ends and axes, which are attributes below opset 10."""
    if "starts" in node.attributes:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        return starts, ends, node.attributes.get("axes", list(range(len(starts))))
    found = [node.array(k, name).reshape(-1).tolist() for k, name in ((1, "starts"), (2, "ends"))]
    axes = list(range(len(found[0]))) if node.input(3) is None else node.array(3, "axes").reshape(-1).tolist()
    if node.input(4) is not None and (node.array(4, "steps") != 1).any():
        raise node.refuse("steps other than 1 are not supported")
    return found[0], found[1], axes


def _step(node: Node, x: Outputs, axis: int, k: int, *, dropped: bool) -> Value:
    """Return the first or last step of each sequence, or the only entry of an axis of size 1."""
    axis %= len(x.axes)
    if size_of(x.axes[axis], x.sizes) == 1 and x.axes[axis] not in (TIME, BATCH):
        return replace(x, axes=_dropped(x, [axis])) if dropped else x
    if x.axes[axis] == DIRECTIONS and k in (-2, -1, 0, 1):
        return _step(node, one_direction(x, k % 2), axis, 0, dropped=dropped)
    if x.axes[axis] != TIME or k not in (0, -1):
        raise node.refuse(f"index {k} of the axis {axis} is not supported: the first and the last step of time are")
    if x.ragged:
        raise node.refuse("a step of sequences with lengths is not supported: it may be past the end of a sequence")
    left = tuple(other for other in x.axes if other != TIME)
    rest = [one for one in left if one not in (DIRECTIONS, ()) or size_of(one, x.sizes) != 1]
    if not rest or rest[0] != BATCH or not replace(x, axes=(*rest[:1], rest[-1])).last_is_features or len(rest) != 2:
        raise node.refuse(f"a step must leave the axes (B, F), got {left}")
    flat = replace(x, axes=(*rest,))
    last = flat.without_time(Last()) if k == -1 else flat.then(Reverse()).without_time(Last())
    gap: list[Axis] = [BATCH, FEATURES]
    gap.insert(min(axis, 2), ())  # where time was
    return last if dropped else replace(last, axes=tuple(gap))


def _split(node: Node) -> Value:
    """Return the directions of a recurrent operator's outputs, each by itself."""
    x, axis = outputs_of(node), node.attributes.get("axis", 0)
    if x.axes[axis] != DIRECTIONS or len(node.proto.output) != x.sizes["D"]:
        raise node.refuse("a split of outputs is supported into the directions of a recurrent operator only")
    return [_step(node, x, axis, d, dropped=False) for d in range(x.sizes["D"])]


def _half(x: Outputs, start: int, end: int) -> Outputs | None:
    """Return half of the features of a bidirectional layer at the last or first step, where it is that layer's final.

    Which is the forward half at the last step and the backward half at the first one.
    """
    names = [type(one.layer) for one in x.layers]
    H = x.features // 2
    d = int(start == H)
    end = min(end, x.features)
    steps: list[Any] = [Reverse, Last] if d else [Last]
    if names[-len(steps) :] != steps or (start, end) != (d * H, (d + 1) * H):
        return None
    below = x.layers[: -len(steps)]
    if not below or not below[-1].layer.bidirectional:
        return None
    return both_directions(below, {**x.sizes, "D": 2, "H": H})[d].outputs()


# ---- final states ---------------------------------------------------------------------------------------


def _part(node: Node, x: Finals, axis: int, part: slice) -> Finals:
    if x.axes[axis] != "D":
        raise node.refuse("a part of a final state is supported along its directions only")
    return replace(x, parts=x.parts[part])


def _only(node: Node, x: Finals) -> Outputs:
    """Return the only final output as the outputs of layers."""
    if x.state == "c":
        raise node.refuse("the final inner state c of an LSTM is not supported as an output of layers")
    if len(x.parts) != 1:
        raise node.refuse(f"one final state is supported here, got {len(x.parts)}")
    return x.parts[0].outputs()


def both_ends(parts: Sequence[Final | None]) -> Outputs | None:
    """Return the final outputs of both directions of one layer, [forward | backward]; None for other ones."""
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len(known) != known[0].directions:
        return None
    if [part.direction for part in known] != list(range(len(known))) or any(k.both != known[0].both for k in known):
        return None
    if len(known) == 1:
        return known[0].outputs()
    one = known[0].outputs()
    return replace(one, layers=known[0].both, sizes={**one.sizes, "F": 2 * one.features}, direction=None)


def _concat(node: Node) -> Value:
    axis, values = node.attributes["axis"], node.inputs
    if all(sizes_in(value) is not None for value in values):
        return Sizes(tuple(size for value in values for size in sizes_in(value) or ()))
    if all(isinstance(value, Filled) for value in values) and len(set(values)) == 1:
        return values[0]
    if all(isinstance(value, Finals) for value in values) and values[0].axes[axis] == "D":
        return replace(values[0], parts=tuple(part for value in values for part in value.parts))
    if all(isinstance(value, Outputs) for value in values) and axis in (1, -1):
        found = both_ends([value.direction for value in values])
        if found is not None:
            return found
    if all(isinstance(value, Outputs) for value in values) and axis in (-1, len(values[0].axes) - 1):
        return side_by_side(node, values)
    got = ", ".join(described(value) for value in values)
    raise node.refuse(f"it joins {got} along axis {axis}; supported are the final outputs of both directions")


# ---- axes -----------------------------------------------------------------------------------------------


def _transpose(node: Node) -> Value:
    x = node.input(0)
    if isinstance(x, Filled | StateInput):
        return x
    order = node.attributes.get("perm")
    if isinstance(x, Finals):
        return replace(x, axes=tuple(x.axes[k] for k in order or reversed(range(len(x.axes)))))
    found = outputs_of(node) if not (isinstance(x, Outputs) and x.softmax) else x
    return replace(found, axes=tuple(found.axes[k] for k in order or reversed(range(len(found.axes)))))


def _squeeze(node: Node) -> Value:
    x, axes = node.input(0), node.axes()
    if isinstance(x, Filled | StateInput):
        return x
    if isinstance(x, Sizes):
        return replace(x, scalar=True)
    if isinstance(x, Finals):
        if axes is not None and [x.axes[k] for k in axes] != ["D"]:
            raise node.refuse("the axis of the directions is the one that can be left out")
        return _only(node, x)
    found = outputs_of(node)
    gone = [k for k, axis in enumerate(found.axes) if size_of(axis, found.sizes) == 1] if axes is None else axes
    gone = [k % len(found.axes) for k in gone]
    wide = [k for k in gone if size_of(found.axes[k], found.sizes) != 1 or found.axes[k] in (TIME, BATCH)]
    if wide:
        raise node.refuse(f"axis {wide[0]} is not of size 1 for every input: {found.axes[wide[0]]}")
    return replace(found, axes=_dropped(found, gone))


def _dropped(x: Outputs, gone: Sequence[int]) -> tuple[Any, ...]:
    return tuple(axis for k, axis in enumerate(x.axes) if k not in gone)


def _unsqueeze(node: Node) -> Value:
    x = node.input(0)
    if isinstance(x, Filled | StateInput):
        return x
    if isinstance(x, Sizes):
        return replace(x, scalar=False)
    found, axes = outputs_of(node), list(outputs_of(node).axes)
    for k in sorted(k % (len(axes) + len(node.axes() or [])) for k in node.axes() or []):
        axes.insert(k, ())
    return replace(found, axes=tuple(axes))


def _reshape(node: Node) -> Value:
    x, target = node.input(0), sizes_in(node.input(1))
    if isinstance(x, Filled | StateInput):
        return x
    if isinstance(x, Sizes):
        return Sizes(x.sizes, scalar=target == ())
    if target is None:
        raise node.refuse(f"input 1 must be sizes that the file tells, got {described(node.input(1))}")
    if isinstance(x, Finals):
        return _flat(node, x, target)
    found = outputs_of(node)
    axes = reshaped(found.axes, found.sizes, target)
    if axes is None:
        raise node.refuse(f"a reshape of the axes {found.axes} to {list(target)} is not supported")
    return replace(found, axes=axes)


def _flat(node: Node, x: Finals, target: Sequence[Any]) -> Value:
    """Return final states (B, D, H) as (B, D H): the final outputs of both directions."""
    if len(x.parts) == 1 and len(target) == 2:
        return _only(node, x)
    found = both_ends(x.parts) if x.state == "h" and x.axes == ("B", "D", "H") and len(target) == 2 else None
    if found is None:
        raise node.refuse(f"a reshape of final states with the axes {x.axes} to {list(target)} is not supported")
    return found


AXIS_RULES: dict[str, Callable[[Node], Value]] = {
    "Cast": _same,
    "Concat": _concat,
    "Gather": _gather,
    "Identity": _same,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
