"""The fewest evaluations that reverse a chain with a number of stored states: the binomial closed form.

With s states stored, the longest chain whose links are each advanced over at most r times has ::

    reach(s, r) = C(s + r, s)

links, and a chain of l links takes, with the smallest r for which l <= reach(s, r), ::

    advances(l, s) = r l - C(s + r, s + 1)

advances, the fewest possible. It solves the dynamic programme ``advances(l, s) = min_y y + advances(l - y, s - 1) +
advances(y, s)``: advance over y links, store the state, reverse the rest with one slot less, and then the first y
with all slots. Both dynamic programmes of Gruslys et al. are this one. Hidden states: a chain of l = T links of which
each is run once more for its residuals, T + advances(T, s) evaluations in all. Internal states (residuals): they take
their own step off the chain, advances(T + 1, s) evaluations.

References
----------
A. Griewank & A. Walther (2000), "Algorithm 799: revolve: an implementation of checkpointing for the reverse or adjoint
mode of computational differentiation", ACM Trans. Math. Software 26(1), 19-45, doi:10.1145/347837.347846. A. Gruslys,
R. Munos, I. Danihelka, M. Lanctot & A. Graves (2016), "Memory-efficient backpropagation through time", NeurIPS 29,
arXiv:1606.03401
"""

from math import comb


def reach(slots: int, repetitions: int) -> int:
    """Return the longest chain with `slots` states, the first one included; 0 for r < 0.

    Examples
    --------
    >>> [reach(3, r) for r in (-1, 0, 1, 2)]
    [0, 1, 4, 10]
    """
    return comb(slots + repetitions, slots) if repetitions >= 0 else 0


def repetitions(links: int, slots: int) -> int:
    """Return r, how often a link is advanced over at most.

    Examples
    --------
    >>> repetitions(10, 3), repetitions(11, 3)
    (2, 3)
    """
    r = 0
    while reach(slots, r) < links:
        r += 1
    return r


def advances(links: int, slots: int) -> int:
    """Return the fewest advances over links that reverse a chain.

    Parameters
    ----------
    links : int
        l, at least 1.
    slots : int
        s, at least 1: the number of stored states, the first one included.

    Examples
    --------
    >>> advances(1000, 50), advances(1001, 50)
    (1948, 1950)
    """
    r = repetitions(links, slots)
    return r * links - comb(slots + r, slots + 1)


def split(links: int, slots: int) -> int:
    """Return y, the links to advance over before the next state is stored: at least 1, fewer than `links`.

    Any y for which both parts stay within r and r - 1 repetitions is optimal; this is the smallest.

    Examples
    --------
    >>> split(10, 3), split(4, 1)
    (4, 3)
    """
    r = repetitions(links, slots)
    return max(1, reach(slots, r - 2), links - reach(slots - 1, r))
