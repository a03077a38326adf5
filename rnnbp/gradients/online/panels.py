"""How the influence matrix on a sparsity pattern is laid out for compiled code.

Each parameter is a lane of a vector register; parameters of one pre-activation that are multiplied by the same input,
as both biases are, have the same derivatives and use one lane. The lanes of a register that enter the same
pre-activation are a piece of it. Registers are gathered in panels: a panel is a block of M, whose columns are the lanes
of its registers, and whose rows are the units on which M may be nonzero there. Of J, columns with few entries are
separated from the dense ones: those of an LSTM's cell state, say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.gradients.online.entry_places import EntryPlaces
from rnnbp.gradients.online.jacobian_compression import Compression
from rnnbp.gradients.online.jacobian_sparsity import JacobianSparsity

FEW = 4  # entries of a column of J, up to which they are added one by one
MANY = 16  # units of a group, below which all columns are dense


@dataclass(frozen=True)
class GroupForm:
    """Groups of the same form: G groups of d units.

    Attributes
    ----------
    units : ndarray of int (G, d)
        The units with dense columns first.
    depth : int
        The number of dense columns.
    entry_groups, entry_places : ndarray of int (L,), (L, 2)
        The group of each elementwise entry of J, and the places of its units.
    """

    units: Array
    depth: int
    entry_groups: Array
    entry_places: Array

    @property
    def dense_units(self) -> Array:
        """The units i and j of each entry in a dense column, group by group and row by row."""
        i, j = np.broadcast_arrays(self.units[:, :, None], self.units[:, None, : self.depth])
        return np.stack([i.ravel(), j.ravel()], axis=1)

    @property
    def elementwise_units(self) -> Array:
        """The units i and j of each elementwise entry."""
        return self.units[self.entry_groups[:, None], self.entry_places]


class _Piece(NamedTuple):
    """Lanes of a register that enter the same pre-activation.

    Attributes
    ----------
    units, slopes : ndarray of int
        The places of the units that it affects, and of their derivatives.
    inputs : ndarray of int (lanes,)
        The place of each lane's input, or of the zero.
    """

    units: Array
    slopes: Array
    inputs: Array


class Panels:
    """The layout of the influence matrix of a cell.

    Parameters
    ----------
    sparsity : JacobianSparsity
    groups_by_form : sequence of (ndarray of int (G, d), ndarray of int (G, m))
    compression : Compression
    columns, lanes : int
        Registers of a panel, and lanes of a register.

    Attributes
    ----------
    forms : list of GroupForm
    dense : int
        The number of entries of J in dense columns of all groups; after them, the elementwise entries, E in all.
    entries : EntryPlaces
        Of all these entries.
    signal_units : ndarray of int
        The units of each group, one after the other.
    table : ndarray (panels, 7)
    pieces : ndarray (registers + 1,)
    piece_units, piece_slopes : ndarray (pieces, A)
    piece_inputs : ndarray (pieces, lanes)
    places : ndarray (L, 2)
        As `rnnbp.kernels.compiled.influence.advance_panels` takes them; `table` is its `panels`.
    lanes_of : ndarray (P,)
        The lane of each parameter, counted over all panels; one that affects nothing has a lane past the end.
    size, width : int
        Numbers of a sequence's influence matrix; lanes of all panels.
    """

    def __init__(
        self,
        sparsity: JacobianSparsity,
        groups_by_form: Sequence[tuple[Array, Array]],
        compression: Compression,
        columns: int,
        lanes: int,
    ) -> None:
        assert sparsity.inputs is not None
        self.sparsity, self.compression, self.columns, self.lanes = sparsity, compression, columns, lanes
        self.forms = [_form(sparsity, units) for units, _ in groups_by_form]
        self.signal_units = np.concatenate([form.units.ravel() for form in self.forms])
        self._put_pieces(self._put_panels([parameters for _, parameters in groups_by_form]))
        self._put_entries()

    def _put_panels(self, parameters_by_form: Sequence[Array]) -> list[list[_Piece]]:
        """Set `table`, `lanes_of`, `size` and `width`; return the pieces of each register of all panels."""
        columns, lanes = self.columns, self.lanes
        self.lanes_of = np.full(len(self.sparsity.columns), -1)
        rows: list[tuple[int, ...]] = []
        registers: list[list[_Piece]] = []
        self.size = jacobian = signal = entry = 0
        for form, parameters in zip(self.forms, parameters_by_form, strict=True):
            G, d = form.units.shape
            entries = np.bincount(form.entry_groups, minlength=G)
            for g in range(G):
                own = self._registers(form.units[g], parameters[g], len(registers) * lanes)
                own += [[]] * (-len(own) % columns)
                for _ in range(0, len(own), columns):
                    rows.append((self.size, d, form.depth, jacobian, signal, entry, entry + int(entries[g])))
                    self.size += d * columns * lanes
                registers += own
                jacobian, signal, entry = jacobian + d * form.depth, signal + d, entry + int(entries[g])
        self.table = np.array(rows).reshape(-1, 7)
        self.lanes_of[self.lanes_of < 0] = self.width = len(registers) * lanes
        return registers

    def _put_entries(self) -> None:
        """Set `dense`, `places`, and what each of the entries of J is computed from."""
        self.places = np.concatenate([form.entry_places for form in self.forms]).reshape(-1, 2)
        dense = [form.dense_units for form in self.forms]
        self.dense = sum(map(len, dense))
        i, j = np.concatenate([*dense, *(form.elementwise_units for form in self.forms)]).T
        self.entries = EntryPlaces(self.compression, i, j)

    def _registers(self, units: Array, parameters: Array, first: int) -> list[list[_Piece]]:
        """Return the pieces of the registers of a group; its lanes are counted from `first` on."""
        sparsity, colors = self.sparsity, self.compression.colors
        assert sparsity.inputs is not None
        pairs = np.stack([sparsity.columns[parameters], sparsity.inputs[parameters]])
        (columns, inputs), lane = np.unique(pairs, axis=1, return_inverse=True)
        self.lanes_of[parameters] = first + lane.ravel()
        found, nothing = [], sparsity.inputs.max() + 1
        for begin in range(0, len(columns), self.lanes):
            here = slice(begin, begin + self.lanes)
            pieces = []
            for column in np.unique(columns[here]):
                own = np.full(self.lanes, nothing)
                own[: len(columns[here])] = np.where(columns[here] == column, inputs[here], nothing)
                affected = np.flatnonzero(sparsity.activation[units, column])
                slopes = colors[units[affected]] * sparsity.activation.shape[1] + column
                pieces.append(_Piece(affected, slopes, own))
            found.append(pieces)
        return found

    def _put_pieces(self, registers: Sequence[Sequence[_Piece]]) -> None:
        """Set `pieces`, `piece_units`, `piece_slopes` and `piece_inputs`.

        Units are padded by the row after a panel's last, from which nothing is read.
        """
        self.pieces = np.cumsum([0, *map(len, registers)])
        pieces = [piece for own in registers for piece in own]
        rows_of = np.repeat(np.repeat(self.table[:, 1], self.columns), np.diff(self.pieces))
        most = max((len(piece.units) for piece in pieces), default=1)
        self.piece_units = np.repeat(rows_of[:, None], most, axis=1)
        self.piece_slopes = np.zeros((len(pieces), most), np.int64)
        for k, piece in enumerate(pieces):
            self.piece_units[k, : len(piece.units)] = piece.units
            self.piece_slopes[k, : len(piece.slopes)] = piece.slopes
        self.piece_inputs = np.array([piece.inputs for piece in pieces]).reshape(-1, self.lanes)


def _form(sparsity: JacobianSparsity, units: Array) -> GroupForm:
    """Return groups of units (G, d) with the units of dense columns first."""
    if units.shape[1] < MANY:
        return GroupForm(units, units.shape[1], np.empty(0, int), np.empty((0, 2), int))
    dense = sparsity.jacobian[units[:, :, None], units[:, None, :]].sum(axis=1) > FEW  # (G, d)
    units = np.take_along_axis(units, np.argsort(~dense, axis=1, kind="stable"), axis=1)
    depth = int(dense.sum(axis=1).max())
    pattern = sparsity.jacobian[units[:, :, None], units[:, None, depth:]]
    groups, i, j = np.nonzero(pattern)
    return GroupForm(units, depth, groups, np.stack([i, j + depth], axis=1))
