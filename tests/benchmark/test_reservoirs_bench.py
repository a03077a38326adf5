"""Echo-state networks equal reservoirpy's, and the table of both has a row for each."""

import numpy as np
import pytest

import rnnbp
from rnnbp.benchmark import reservoirs
from rnnbp.data import SequenceDataset
from rnnbp.layers import sparse_recurrence


@pytest.mark.oracles
@pytest.mark.parametrize("options", [{}, {"leak": 0.3, "bias_scaling": 0.4}])
@pytest.mark.parametrize("least", [2**21, 0])  # dense, and as products with sparse weights
def test_states_and_readout_are_those_of_reservoirpy(rng, options, least, monkeypatch):
    pytest.importorskip("reservoirpy")
    from reservoirpy.nodes import Reservoir
    from scipy.sparse import csr_array

    monkeypatch.setattr(sparse_recurrence, "LEAST_BYTES", least)
    model = rnnbp.echo_state_network(2, 60, 2, dtype=np.float64, **options)
    x = rng.normal(size=(400, 2))
    y = np.stack([x[:, 0].cumsum() / 10, np.roll(x[:, 1], 1)], 1)
    w = [model.params[f"0.{name}"] for name in ("w_hh", "w_ih", "b_ih")]
    peer = Reservoir(60, lr=options.get("leak", 1.0), W=csr_array(w[0]), Win=w[1], bias=w[2])
    np.testing.assert_allclose(model.up_to(1).forward(x[:, None])[:, 0], peer.run(x), rtol=1e-10, atol=1e-12)
    expected = reservoirs.reservoirpy_outputs(model, x, y, penalty=1.0)
    trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=rnnbp.Ridge(1.0, washout=reservoirs.WASHOUT))
    trainer.fit(SequenceDataset([x], [y], dtype=np.float64), progress=False)
    np.testing.assert_allclose(model.forward(x[:, None])[:, 0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.oracles
def test_the_table_has_equal_scores_for_equal_penalties_and_better_ones_by_cross_validation(monkeypatch):
    pytest.importorskip("reservoirpy")
    monkeypatch.setattr(reservoirs, "TASKS", reservoirs.TASKS[1:2])
    results = reservoirs.run_reservoirs(seeds=(0, 1), units=60)
    score = results.table().set_index("library")["score"]
    assert list(score.index) == ["rnnbp", "rnnbp, GCV", "reservoirpy"]
    assert score["rnnbp"] == pytest.approx(score["reservoirpy"], rel=1e-3)
    assert score["rnnbp, GCV"] <= score["reservoirpy"]
    assert len(str(results).splitlines()) == 4
    assert (results.runs["seconds"] > 0).all()
