"""Leave out each speaker of the spoken digits in turn, train on the others, and test on the one."""

import argparse
from functools import partial
from pathlib import Path

from rnnbp import comparison, datasets
from rnnbp.applications import spoken_digits
from rnnbp.cli.arguments import add_comparison, add_target
from rnnbp.cli.inputs import worker_count
from rnnbp.cli.output import write_table

EXAMPLE = "rnnbp speakers --data fsdd --models resampled-mlp,conv-gru --seeds 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, help="where the recordings are (default: downloaded)")
    add_comparison(parser, models="conv-gru", seeds=3)
    parser.add_argument(
        "--views",
        type=int,
        default=1,
        metavar="N",
        help="number of copies of each test recording, varied in speed and spectrum, to average over (default: 1)",
    )
    parser.add_argument(
        "--normalize",
        default="speaker",
        metavar="OVER",
        help="normalise features over a 'speaker', without labels, or over each 'utterance' (default: speaker)",
    )
    parser.add_argument(
        "--vtln",
        action="store_true",
        help="warp the features of each test speaker so that a network is most certain, without labels",
    )
    add_target(parser, "--output", "FILE", "write a row a run, as CSV")


def run(options: argparse.Namespace) -> None:
    from rnnbp.applications.spoken_digits.speakers import WARPS
    from rnnbp.datasets.digit_tasks import NORMALIZATIONS
    from rnnbp.runtime import choice, positive_int

    normalize = choice("--normalize", options.normalize, NORMALIZATIONS)
    views = positive_int("--views", options.views)
    models = comparison.baseline_names(options.models.split(","))
    path = {} if options.data is None else {"path": options.data}
    n_jobs = worker_count(options)
    train, _ = datasets.load("spoken-digits", **path)
    assert train.info is not None
    runs = spoken_digits.leave_one_speaker_out(
        partial(spoken_digits.without_speaker, path=options.data, views=views, normalize=normalize),
        sorted(set(train.info["speaker"])),
        models,
        seeds=positive_int("--seeds", options.seeds),
        epochs=positive_int("--epochs", options.epochs),
        batch_size=options.batch_size,
        parameters=options.parameters,
        warps=WARPS if options.vtln else (),
        n_jobs=n_jobs,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    print(f"accuracy, mean of {options.seeds} seeds, by the speaker left out:")
    print(spoken_digits.by_speaker(runs).map("{:.2%}".format).to_string())
    if options.output is not None:
        write_table(runs, options.output)
