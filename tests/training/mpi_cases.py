"""Part of mpi_program.py: trainings of several ranks beside those of one process."""

import traceback

import numpy as np

import rnnbp
from rnnbp import gradients as g
from rnnbp.cells import ElmanCell, LSTMCell
from rnnbp.training.parallel import ranks_of

F, K = 3, 2


def sequences(rng, n=6):
    return [rng.normal(size=(length, F)) for length in rng.integers(1, 9, n)]


def of_sequences(n=6, seed=1, **options):
    rng = np.random.default_rng(seed)
    return rnnbp.SequenceDataset(sequences(rng, n), targets=rng.integers(0, K, n), dtype=np.float64, **options)


def of_steps(weights=False, resets=False):
    rng = np.random.default_rng(2)
    x = sequences(rng)
    options = {"weights": [rng.integers(0, 3, len(s)) for s in x]} if weights else {}
    options |= {"resets": [rng.random(len(s)) < 0.3 for s in x]} if resets else {}
    return rnnbp.SequenceDataset(x, targets=[rng.normal(size=(len(s), K)) for s in x], dtype=np.float64, **options)


def next_steps(tokens=False):
    rng = np.random.default_rng(3)
    x = [rng.integers(0, 4, n) if tokens else rng.normal(size=(n, F)) for n in rng.integers(3, 9, 7)]
    return rnnbp.SequenceDataset(x, dtype=np.float64).shifted()


def stream():
    rng = np.random.default_rng(4)
    data = rnnbp.SequenceDataset.from_stream(rng.normal(size=(60, F)), rng.normal(size=(60, K)), batch_size=5, steps=4)
    return data.map(lambda x: x)


def labels():
    rng = np.random.default_rng(6)
    return rnnbp.SequenceDataset(
        [rng.normal(size=(9, F)) for _ in range(7)],
        targets=rnnbp.LabelSequences([rng.integers(1, 3, n) for n in (1, 2, 3, 1, 2, 1, 2)]),
        dtype=np.float64,
    )


def model(*below, layer=None, above=(), outputs=K):
    layer = rnnbp.LSTM(F, 4) if layer is None else layer
    return rnnbp.Sequential(*below, layer, *above, rnnbp.Dense(4, outputs), seed=5, dtype=np.float64)


def elman():
    return model(layer=rnnbp.Elman(F, 4))


def last(*below):
    return model(*below, above=(rnnbp.Last(),))


def static():
    return rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(F, K), seed=5, dtype=np.float64)


def case(gradient=g.BPTT, made=model, data=of_steps, loss=rnnbp.MeanSquaredError, rtol=1e-9, **options):
    """Return what makes the arguments of a training, anew for each."""
    return lambda: {
        "gradient": gradient(),
        "model": made(),
        "data": data(),
        "loss": loss(),
        "rtol": rtol,
        **{name: value() if name in MADE else value for name, value in options.items()},
    }


MADE = {"optimizer", "validation", "schedule", "clip", "stopping"}
CLASSES = {"made": last, "data": of_sequences, "loss": rnnbp.CrossEntropy}

ALGORITHMS = {
    "BPTT": case(),
    "TruncatedBPTT": case(lambda: g.TruncatedBPTT(2, 3)),
    "Backprop": case(g.Backprop, static, of_sequences, rnnbp.CrossEntropy),
    "ARTBP": case(lambda: g.ARTBP(g.Geometric(0.3), seed=4)),
    "ForwardGradient": case(lambda: g.ForwardGradient(2)),
    "ComplexStep": case(g.ComplexStep, elman, epochs=1),
    "FiniteDifference": case(g.FiniteDifference, elman, rtol=1e-4, epochs=1),
    "BlockRTRL": case(lambda: g.BlockRTRL(2, every=2)),
    "EProp": case(lambda: g.EProp(every=3)),
    "KFRTRL": case(lambda: g.KFRTRL(every=2), lambda: model(layer=rnnbp.GRU(F, 4))),
    "RFLO": case(lambda: g.RFLO(every=2), elman),
    "RTRL": case(lambda: g.RTRL(every=1)),
    "SnAp": case(lambda: g.SnAp(1, every=2)),
    "UORO": case(lambda: g.UORO(every=2)),
    "RecurrentBackprop": case(g.RecurrentBackprop, lambda: model(layer=rnnbp.FixedPoint(ElmanCell(F, 4))), rtol=1e-5),
    "ScheduledSampling": case(
        lambda: g.ScheduledSampling(0.5), lambda: model(rnnbp.Dropout(0.2), outputs=F), next_steps
    ),
    "SpectralPenalty": case(lambda: g.SpectralPenalty(g.UORO(), ["0.w_hh"], radius=0.1)),
}

LAYERS = {
    "Dropout": lambda: model(rnnbp.Dropout(0.3), above=(rnnbp.Dropout(0.5),)),
    "VariationalDropout": lambda: model(rnnbp.VariationalDropout(0.3)),
    "Noise": lambda: model(rnnbp.Noise(0.3)),
    "Zoneout": lambda: model(layer=rnnbp.Zoneout(LSTMCell(F, 4), rate=(0.2, 0.4))),
    "RecurrentDropout": lambda: model(layer=rnnbp.RecurrentDropout(ElmanCell(F, 4), 0.3)),
    "dropout of LSTM": lambda: model(layer=rnnbp.LSTM(F, 4, num_layers=2, dropout=0.3)),
}

OTHERS = {
    "checkpointing, dropout": case(lambda: g.BPTT(slots=2, block=2), LAYERS["Dropout"]),
    "memory, block, dropout": case(lambda: g.BPTT(memory="1 MB", block=2), LAYERS["Dropout"]),
    "RTRL, dropout": case(lambda: g.RTRL(every=2), LAYERS["Dropout"]),
    "KFRTRL, dropout, one gradient": case(g.KFRTRL, LAYERS["Dropout"]),
    "seed is a generator": case(lambda: g.UORO(seed=np.random.default_rng(8))),
    "sampled tokens": case(
        lambda: g.ScheduledSampling(0.5),
        lambda: rnnbp.Sequential(rnnbp.Embedding(4, F), rnnbp.GRU(F, 4), rnnbp.Dense(4, 4), seed=5, dtype=np.float64),
        lambda: next_steps(tokens=True),
        rnnbp.CrossEntropy,
    ),
    "sampled values": case(
        lambda: g.ScheduledSampling(0.5),
        lambda: model(outputs=rnnbp.MixtureDensity(2).outputs(F)),
        next_steps,
        lambda: rnnbp.MixtureDensity(2),
    ),
    "classes": case(**CLASSES, validation=lambda: of_sequences(2, 9)),
    "fewer sequences than ranks": case(made=last, data=lambda: of_sequences(1), loss=rnnbp.CrossEntropy),
    "weights of sequences": case(
        made=last, data=lambda: of_sequences(weights=np.arange(6) % 4), loss=rnnbp.CrossEntropy
    ),
    "weights of steps": case(data=lambda: of_steps(weights=True)),
    "resets": case(lambda: g.TruncatedBPTT(2, 3), data=lambda: of_steps(resets=True)),
    "UORO, resets": case(lambda: g.UORO(every=2), elman, data=lambda: of_steps(resets=True)),
    "label sequences": case(made=lambda: model(outputs=3), data=labels, loss=rnnbp.CTC),
    "binary": case(
        made=lambda: rnnbp.Sequential(rnnbp.GRU(F, 4), rnnbp.Last(), rnnbp.Dense(4, 1), seed=5, dtype=np.float64),
        data=of_sequences,
        loss=rnnbp.BinaryCrossEntropy,
    ),
    "stateful": case(lambda: g.TruncatedBPTT(2, 3), data=stream, stateful=True, batch_size=5, validation=stream),
    "clip norm": case(clip=lambda: rnnbp.ClipNorm(0.05)),
    "clip value": case(clip=lambda: rnnbp.ClipValue(0.01)),
    "schedule": case(schedule=lambda: rnnbp.Cosine(3)),
    "plateau, early stopping": case(
        **CLASSES,
        epochs=6,
        validation=lambda: of_sequences(5, 9),
        schedule=lambda: rnnbp.OnPlateau(patience=1),
        stopping=lambda: rnnbp.EarlyStopping(2),
        optimizer=lambda: rnnbp.Adam(0.3),
    ),
    "LBFGS": case(optimizer=lambda: rnnbp.LBFGS(3), rtol=1e-6),
    "NewtonCG": case(optimizer=lambda: rnnbp.NewtonCG(2), rtol=1e-6),
    "float32": case(made=lambda: rnnbp.Sequential(rnnbp.LSTM(F, 4), rnnbp.Dense(4, K), seed=5), rtol=1e-4),
}


def ridge(data=of_steps, loss=rnnbp.MeanSquaredError, made=model, **options):
    def frozen():
        network = made()
        network.freeze("0.*")
        return network

    return case(made=frozen, data=data, loss=loss, optimizer=lambda: rnnbp.Ridge(**options), epochs=1)


def with_gaps():
    data = of_steps()
    data.targets[0][:, 1] = np.nan
    return data


OTHERS |= {
    "ridge": ridge(penalty=0.1),
    "ridge, GCV": ridge(washout=1),
    "ridge, classes": ridge(of_sequences, rnnbp.CrossEntropy, last),
    "ridge, gaps": ridge(with_gaps, penalty=0.1),
}


def train(made, comm):
    """Return history, parameters and final generator of a training of a case."""
    given = made()
    data, rtol = given.pop("data"), given.pop("rtol")
    fit = {"epochs": 2, "batch_size": 4, "validation": None, "stopping": None}
    fit = {name: given.pop(name, default) for name, default in fit.items()}
    given.setdefault("optimizer", rnnbp.Adam(0.02))
    trainer = rnnbp.Trainer(given.pop("model"), given.pop("loss"), **given, seed=3, comm=comm)
    history = trainer.fit(data, progress=False, **fit).drop(columns="seconds")
    return history, trainer, rtol, data


def repeating(trainer):
    """Return whether steps are computed several times, as many as the part of a batch needs."""
    checkpointed = isinstance(trainer.gradient, g.BPTT) and trainer.gradient != g.BPTT()
    return checkpointed or isinstance(trainer.gradient, g.RecurrentBackprop)


def compare(made, comm):
    """Raise unless a training of all ranks is that of one process, in history, parameters, generator and scores."""
    history, trainer, rtol, data = train(made, comm)
    scores = trainer.evaluate(data)

    def same(results):
        for one in results:
            assert one == results[0], "the ranks have different results"

    own = trainer.rows, trainer.model.params.vector.tobytes(), trainer.rng.bit_generator.state, scores
    trainer.ranks.collected("the results", own, same)

    def alone():
        rows, other, _, _ = train(made, None)
        assert history.columns.tolist() == rows.columns.tolist()
        np.testing.assert_allclose(history.pop("steps"), rows.pop("steps"), rtol=0.1 if repeating(trainer) else 0)
        np.testing.assert_allclose(trainer.model.params.vector, other.model.params.vector, rtol, rtol)
        np.testing.assert_allclose(history.to_numpy(float), rows.to_numpy(float), rtol, rtol)
        assert trainer.rng.bit_generator.state == other.rng.bit_generator.state
        expected = other.evaluate(data)
        np.testing.assert_allclose(list(scores.values()), list(expected.values()), rtol, rtol)

    trainer.ranks.from_first("one process", alone)


def all_cases():
    return ALGORITHMS | {f"layer {name}": case(made=made) for name, made in LAYERS.items()} | OTHERS


def main(comm, chosen=()):
    """Write a line for each case: the number of ranks, its name, and 'ok' or what was wrong."""
    for name, made in all_cases().items():
        if chosen and name not in chosen:
            continue
        try:
            compare(made, comm)
            found = "ok"
        except Exception:
            found = traceback.format_exc()

        def write(all_found, name=name):
            wrong = [f"rank {rank}: {text}" for rank, text in enumerate(all_found) if text != "ok"]
            print(
                f"{comm.size} ranks, {name}: {wrong[0] if wrong else 'ok'}",
                flush=True,
            )

        ranks_of(comm).collected("a line", found, write)
