"""How long does the first compiled call take? Seconds of the processor, cold and from the cache.

    PYTHONPATH=. python tests/benchmarks/bench_compile.py

Each row is a process of its own, from its start to the end of the call. All cold rows but the last begin with an empty
cache; "LSTM after GRU" finds what all cells share in it. Of each time, "import numba" is what a process takes that
compiles no more than an empty function.
"""

import os
import subprocess
import sys
import tempfile

import pandas as pd

STEP = """
import numpy as np, rnnbp
model = rnnbp.Sequential(rnnbp.{}(13, 64), rnnbp.Last(), rnnbp.Dense(64, 5), dtype=np.float32, seed=0)
data = rnnbp.SequenceDataset([np.ones((50, 13))] * 8, targets=[0, 1, 2, 3] * 2)
list(rnnbp.BPTT().gradients(model, data.batch(), rnnbp.CrossEntropy()))
"""
CTC = """
import numpy as np, rnnbp
rnnbp.CTC()(np.ones((20, 2, 5), np.float32), [[1, 2], [3]])
"""
RTRL = """
import numpy as np, rnnbp
model = rnnbp.Sequential(rnnbp.Elman(13, 64), rnnbp.Dense(64, 5), dtype=np.float32, seed=0)
batch = rnnbp.SequenceBatch.from_array(np.ones((20, 2, 13), np.float32), targets=np.zeros((20, 2), int))
list(rnnbp.RTRL().gradients(model, batch, rnnbp.CrossEntropy()))
"""
FIXED_POINT = """
import numpy as np, rnnbp
layer = rnnbp.FixedPoint(rnnbp.ElmanCell(13, 64), rnnbp.Anderson())
model = rnnbp.Sequential(layer, rnnbp.Last(), rnnbp.Dense(64, 5), dtype=np.float32, seed=0)
batch = rnnbp.SequenceBatch.from_array(np.ones((1, 2, 13), np.float32), targets=np.zeros(2, int))
list(rnnbp.RecurrentBackprop(rnnbp.GMRES()).gradients(model, batch, rnnbp.CrossEntropy()))
"""
NUMBA = "import numba; numba.njit(lambda: 0)()"


def seconds(script: str, cache: str) -> float:
    """Return the processor's seconds of a process."""
    before = os.times()
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"NUMBA_CACHE_DIR": cache}, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def main() -> None:
    """Print the table."""
    rows = {"import numba": NUMBA, **{name: STEP.format(name) for name in ("Elman", "LSTM", "GRU")}, "CTC": CTC}
    rows |= {"RTRL, Elman": RTRL, "fixed point, Anderson and GMRES": FIXED_POINT}
    table = {}
    for name, script in rows.items():
        with tempfile.TemporaryDirectory() as cache:
            table[name] = {"cold": seconds(script, cache), "warm": seconds(script, cache)}
            if name == "GRU":
                table["LSTM after GRU"] = {"cold": seconds(rows["LSTM"], cache), "warm": seconds(rows["LSTM"], cache)}
    print(pd.DataFrame.from_dict(table, orient="index").round(2))


if __name__ == "__main__":
    main()
