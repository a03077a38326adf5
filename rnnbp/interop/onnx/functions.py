"""What the layers over time compute, as functions of ONNX operators: sequences x (T, B, F) with their lengths (B,).

A model contains the functions it uses, so that every runtime can run it, and `import_onnx` recognizes a layer by the
function's name after it has compared the definition with the one here. Pads are given for all axes: where they are
given for some, ONNX Runtime (1.32) moves a transpose past them wrongly.
"""

from functools import cache
from typing import Any

from rnnbp.runtime import require

DOMAIN, DOMAIN_VERSION = "rnnbp", 1
OPSET = 18  # of the standard operators
IR_VERSION = 8

_INTS = """
  zero = Constant <value_int: int = 0> ()
  one = Constant <value_int: int = 1> ()
  axis0 = Constant <value_ints: ints = [0]> ()
  axis1 = Constant <value_ints: ints = [1]> ()
  axis2 = Constant <value_ints: ints = [2]> ()
"""
_STEPS = """
  all_steps = Shape <start: int = 0, end: int = 1> (x)
  step_count = Squeeze (all_steps, axis0)
  t = Range (zero, step_count, one)
  column = Unsqueeze (t, axis1)
"""
_REAL = """
  running = Less (column, lengths)
  mask = Unsqueeze (running, axis2)
  integer_zero = Constant <value_float: float = 0.0> ()
  nothing = CastLike (integer_zero, x)
  real = Where (mask, x, nothing)
"""
_ROWS = """
  batch = Shape (lengths)
  batch_size = Squeeze (batch, axis0)
  rows = Range (zero, batch_size, one)
"""
_LAST = """
  final = Sub (lengths, one)
  final_column = Unsqueeze (final, axis1)
  row_column = Unsqueeze (rows, axis1)
  places = Concat <axis: int = 1> (final_column, row_column)
"""
_COUNT = """
  steps_of_each = CastLike (lengths, x)
  count = Unsqueeze (steps_of_each, axis1)
"""

_BODIES = {
    "Lengths (x, limit) => (lengths)": """
      steps = Shape <start: int = 0, end: int = 1> (x)
      batch = Shape <start: int = 1, end: int = 2> (x)
      wide = Cast <to: int = 7> (limit)
      within = Min (wide, steps)
      lengths = Expand (within, batch)
    """,
    "ChangedLengths <offset, stride> (lengths) => (changed)": """
      added = Constant <value_int: int = @offset> ()
      divisor = Constant <value_int: int = @stride> ()
      one = Constant <value_int: int = 1> ()
      rest = Add (lengths, added)
      steps = Div (rest, divisor)
      changed = Add (steps, one)
    """,
    "ZeroPadding (x, lengths) => (real)": _INTS + _STEPS + _REAL,
    "Last (x, lengths) => (y)": f"""
      {_INTS} {_ROWS} {_LAST}
      y = GatherND (x, places)
    """,
    "Ends (x, lengths) => (y)": f"""
      {_INTS} {_ROWS} {_LAST}
      forward, backward = Split <axis: int = 2, num_outputs: int = 2> (x)
      last = GatherND (forward, places)
      first = Gather <axis: int = 0> (backward, zero)
      y = Concat <axis: int = 1> (last, first)
    """,
    "MeanOverTime (x, lengths) => (y)": f"""
      {_INTS} {_STEPS} {_REAL} {_COUNT}
      total = ReduceSum <keepdims: int = 0> (real, axis0)
      y = Div (total, count)
    """,
    "Running (x, lengths) => (mask)": f"""
      {_INTS} {_STEPS}
      running = Less (column, lengths)
      mask = Unsqueeze (running, axis2)
    """,
    "Start (state, lengths) => (start)": f"""
      {_INTS}
      batch = Shape (lengths)
      ones = Constant <value_ints: ints = [1]> ()
      shape = Concat <axis: int = 0> (ones, batch, ones)
      start = Expand (state, shape)
    """,
    "TimeStatistics (x, lengths) => (y)": f"""
      {_INTS} {_STEPS} {_REAL} {_COUNT}
      total = ReduceSum <keepdims: int = 0> (real, axis0)
      mean = Div (total, count)
      difference = Sub (x, mean)
      centred = Where (mask, difference, nothing)
      squares = Mul (centred, centred)
      sum_of_squares = ReduceSum <keepdims: int = 0> (squares, axis0)
      variance = Div (sum_of_squares, count)
      smallest = Constant <value: tensor = double {{1e-6}}> ()
      added = CastLike (smallest, x)
      positive = Add (variance, added)
      deviation = Sqrt (positive)
      y = Concat <axis: int = 1> (mean, deviation)
    """,
    "AttentionPooling (x, lengths, w, b, v) => (y)": f"""
      {_INTS} {_STEPS}
      running = Less (column, lengths)
      mask = Unsqueeze (running, axis2)
      product = MatMul (x, w)
      a = Add (product, b)
      h = Tanh (a)
      scores = MatMul (h, v)
      least = Constant <value: tensor = double {{-1e30}}> ()
      past_the_end = CastLike (least, x)
      masked = Where (mask, scores, past_the_end)
      attention = Softmax <axis: int = 0> (masked)
      weighted = Mul (attention, x)
      y = ReduceSum <keepdims: int = 0> (weighted, axis0)
    """,
    "Highway (x, f, gate) => (y)": """
      difference = Sub (f, x)
      gated = Mul (gate, difference)
      y = Add (x, gated)
    """,
    "Window <left, right> (x, lengths) => (y)": f"""
      {_INTS} {_STEPS} {_REAL}
      left_steps = Constant <value_int: int = @left> ()
      right_steps = Constant <value_int: int = @right> ()
      left_pad = Unsqueeze (left_steps, axis0)
      right_pad = Unsqueeze (right_steps, axis0)
      none = Constant <value_ints: ints = [0, 0]> ()
      pads = Concat <axis: int = 0> (left_pad, none, right_pad, none)
      wide = Pad (real, pads, nothing)
      neighbours = Add (left_steps, right_steps)
      width = Add (neighbours, one)
      k = Range (zero, width, one)
      places = Add (column, k)
      windows = Gather <axis: int = 0> (wide, places)
      by_sequence = Transpose <perm: ints = [0, 2, 1, 3]> (windows)
      flat = Constant <value_ints: ints = [0, 0, -1]> ()
      beside = Reshape (by_sequence, flat)
      y = Where (mask, beside, nothing)
    """,
    "Flatten <steps> (x, lengths) => (y)": f"""
      {_INTS} {_STEPS} {_REAL}
      wanted = Constant <value_int: int = @steps> ()
      most = Unsqueeze (wanted, axis0)
      longest = ReduceMax <keepdims: int = 1> (lengths, axis0)
      end = Max (longest, most)
      within = Slice (real, axis0, end, axis0)
      present = Shape <start: int = 0, end: int = 1> (within)
      missing = Sub (end, present)
      none = Constant <value_ints: ints = [0, 0]> ()
      pads = Concat <axis: int = 0> (axis0, none, missing, none)
      filled = Pad (within, pads, nothing)
      by_sequence = Transpose <perm: ints = [1, 0, 2]> (filled)
      features = Shape <start: int = 2, end: int = 3> (x)
      width = Mul (most, features)
      batch = Shape (lengths)
      shape = Concat <axis: int = 0> (batch, width)
      y = Reshape (by_sequence, shape)
    """,
    "Resample (x, lengths, fractions) => (y)": f"""
      {_INTS} {_ROWS}
      final = Sub (lengths, one)
      length = CastLike (final, fractions)
      column = Unsqueeze (fractions, axis1)
      place = Mul (column, length)
      below = Floor (place)
      low = Cast <to: int = 7> (below)
      next = Add (low, one)
      high = Min (next, final)
      offset = Sub (place, below)
      weight_of_each = Unsqueeze (offset, axis2)
      weight = CastLike (weight_of_each, x)
      shape = Shape (low)
      all_rows = Expand (rows, shape)
      row = Unsqueeze (all_rows, axis2)
      low_step = Unsqueeze (low, axis2)
      high_step = Unsqueeze (high, axis2)
      low_places = Concat <axis: int = 2> (low_step, row)
      high_places = Concat <axis: int = 2> (high_step, row)
      low_values = GatherND (x, low_places)
      high_values = GatherND (x, high_places)
      one_real = CastLike (one, x)
      complement = Sub (one_real, weight)
      low_part = Mul (low_values, complement)
      high_part = Mul (high_values, weight)
      frames = Add (low_part, high_part)
      by_sequence = Transpose <perm: ints = [1, 0, 2]> (frames)
      flat = Constant <value_ints: ints = [0, -1]> ()
      y = Reshape (by_sequence, flat)
    """,
}
BODIES = {head.partition(" ")[0]: (head, body) for head, body in _BODIES.items()}


@cache
def function(name: str) -> Any:
    """Return the definition of a function, an onnx.FunctionProto.

    Examples
    --------
    >>> function("MeanOverTime").output  # doctest: +SKIP
    ['y']
    """
    head, body = BODIES[name]
    text = f'<opset_import: ["" : {OPSET}], domain: "{DOMAIN}">\n{head} {{{body}}}'
    return require("onnx.parser", extra="onnx").parse_function(text)
