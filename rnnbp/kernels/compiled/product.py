"""C = C0 + A B, a few rows at a time: the product in which a recurrent network spends nearly all its time.

A general matrix product is slow on the few rows of one time step. Here a tile of C, up to `ROWS` rows by
`COLUMNS` registers, stays in registers while k runs; each number of A meets a whole row of the panel of B. The
panel is packed, k after k (`pack`), and stays in the cache over all rows.

The sum over k of every element begins at 0 and runs in k's order, whatever the tile: a row's result does not
depend on which rows are computed with it, or by which thread.

The product is compiled once for each dtype, and the kernels call it by its address: as part of each of them, it would
take most of the time of their compilation.

References
----------
K. Goto & R. A. van de Geijn (2008), "Anatomy of high-performance matrix multiplication", ACM Transactions on
Mathematical Software 34(3), doi:10.1145/1356052.1356053
"""

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import intrinsic

from rnnbp.kernels.compiled.compiling import address_of, call_at_address
from rnnbp.kernels.compiled.vectors import CONTRACT, REGISTER_BYTES, Vec, at, clip, load_vector, splat, store_vector

COLUMNS = 4
ROWS = (
    6 if REGISTER_BYTES == 64 else 3
)  # with a number of A for each row and a register of B: 31 of 32 registers, or 16 of 16


@intrinsic
def _tile(typingctx, rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    """Compute one tile of C of a number of rows, and of columns of registers."""
    dtype = a.dtype

    def codegen(context, builder, sig, args):
        rows, columns, *rest = args
        done = builder.append_basic_block("done")
        vector = context.get_value_type(Vec(dtype))
        code = builder.add(builder.mul(rows, rows.type(COLUMNS + 1)), columns)
        choice = builder.switch(code, done)
        for r in range(1, ROWS + 1):
            for v in range(1, COLUMNS + 1):
                block = builder.append_basic_block(f"tile{r}x{v}")
                choice.add_case(code.type(r * (COLUMNS + 1) + v), block)
                builder.position_at_end(block)
                _emit_tile(builder, vector, r, v, *rest)
                builder.branch(done)
        builder.position_at_end(done)

    return _signature(dtype), codegen


def _emit_tile(builder, vector, rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    """for k: for r: for v: sum[r, v] += a[r, k] * b[k, v], with every sum in a register of its own."""
    before, loop, after = builder.block, builder.append_basic_block("k"), builder.append_basic_block("sums")
    lanes, integer = vector.count, depth.type
    a_rows = [builder.gep(a, [builder.mul(a_row, integer(r))]) for r in range(rows)]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(integer)
    k.add_incoming(integer(0), before)
    sums = [[builder.phi(vector) for _ in range(columns)] for _ in range(rows)]
    a_here = builder.mul(k, a_k)
    numbers = [splat(builder, builder.load(builder.gep(row, [a_here])), lanes) for row in a_rows]
    b_here = builder.gep(b, [builder.mul(k, b_k)])
    for v in range(columns):  # one register of B at a time: no more is free
        b_v = load_vector(builder, builder.gep(b_here, [integer(v * lanes)]), vector)
        for r in range(rows):
            more = builder.fadd(builder.fmul(numbers[r], b_v, flags=CONTRACT), sums[r][v], flags=CONTRACT)
            sums[r][v].add_incoming(ir.Constant(vector, None), before)
            sums[r][v].add_incoming(more, loop)
            sums[r][v] = more
    following = builder.add(k, integer(1))
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)

    builder.position_at_end(after)
    places = [builder.mul(c_column, integer(v)) for v in range(columns)]
    for r in range(rows):
        old, new = (builder.gep(p, [builder.mul(row, integer(r))]) for p, row in ((c0, c0_row), (c, c_row)))
        start = [load_vector(builder, builder.gep(old, [place]), vector) for place in places]
        for v in range(columns):  # read the whole row before writing: a store may reach into the next one
            store_vector(builder, builder.fadd(start[v], sums[r][v]), builder.gep(new, [places[v]]))


def _product(rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    """Compute any number of rows and columns; the last two tiles of a panel are about as high.

    Parameters
    ----------
    rows, columns : int
        Of C; columns counted in registers.
    a, a_row, a_k : address, int, int
        ``A[r, k]`` is at ``a + r a_row + k a_k``.
    b, b_k, depth : address, int, int
        Panels of at most `COLUMNS` registers, one after the other. ``B[k]`` of the first begins at ``b + k b_k``; k
        runs over `depth`, at least 1.
    c0, c0_row, c, c_row, c_column : addresses, ints
        Register v of row r is at ``c + r c_row + v c_column``, and what it is added to likewise; a `c0_row`
        of 0 adds the same row to all.
    """
    for v in range(0, columns, COLUMNS):
        panel, r = at(b, v // COLUMNS * depth * b_k), 0
        while r < rows:
            left = rows - r
            count = left if left <= ROWS else ROWS if left >= 2 * ROWS else (left + 1) // 2
            _tile(
                count, clip(columns - v, COLUMNS), at(a, r * a_row), a_row, a_k, panel, b_k, depth,
                at(c0, r * c0_row + v * c_column), c0_row, at(c, r * c_row + v * c_column), c_row, c_column
            )  # fmt: skip
            r += count


def _signature(dtype: types.Float) -> Any:
    integer, pointer = types.intp, types.CPointer(dtype)
    matrix = pointer, integer  # its address, and from one row to the next
    return types.void(integer, integer, *matrix, integer, *matrix, integer, *matrix, *matrix, integer)


@cache
def product_of(dtype: np.dtype) -> int:
    """Return the address of the product, compiled for float32 or float64."""
    return address_of(_product, _signature(from_dtype(dtype)))


@intrinsic
def product(typingctx, address, rows, columns, a, a_row, a_k, b, b_k, depth, c0, c0_row, c, c_row, c_column):
    """Call the product at an address; the other arguments are those of `_product`."""
    return call_at_address(_signature(a.dtype))
