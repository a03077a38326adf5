"""Public names without a row in the table, and why.

They are public to the other rooms of the package, or to those who write a cell, layer or loss of their own; users'
values reach them only through callables of the table, which check them.
"""

import re

ARRAYS = "called for every batch or step, with arrays that the model, trainer or dataset has checked"
RECORD = "a record of results, which the package makes"
PACKAGES = "needs optional packages, with which tests/interop and tests/data run"
FILES = "needs files from elsewhere; tests/datasets and tests/fuzzing write such files"
FIT = "scikit-learn's protocol: it keeps its arguments, and fit checks them"
DEAR = (
    "trains, draws or writes at each call: too long for a call per wrong value; its own room's tests have its arguments"
)
LATER = "not called with wrong values yet"
ROOM = "machinery of the package's own rooms"

INNER = {
    # protocols, which inner loops call
    r".*\.(forward|backward|backward_params|prepare|initialize|out_shape|out_lengths|shapes|scopes|halves)": ARRAYS,
    r".*\.(step_vjp|param_vjp|outer_products|with_constrained|add_gradient|constrained|recurrent_weights)": ARRAYS,
    r"rnnbp\.(cells\..*|Stack|JordanCell)\.(step|split)": ARRAYS,
    r".*\.(terms|weights|check|check_classes|masked|evidence|pooled_score|named|check_dataset)": ARRAYS,
    r"rnnbp\.\w+\.align": ARRAYS,
    r".*(Loss|Quantile|MixtureDensity)\.outputs": ARRAYS,
    r".*\.(update|decayed|begin|slots)": ARRAYS,
    r".*\.(initial_influence|block_steps|learning_signal|check_cell|generator|fed|derivative|implicit|matrix)": ARRAYS,
    r"rnnbp\.(LBFGS|NewtonCG|optimizers\.Minimizer)\.search": ARRAYS,
    r".*\.(emphasized|with_derivatives|static)": ARRAYS,
    r"rnnbp\.EarlyStopping\.(begin|seen)": ARRAYS,
    r".*\.make_cell": "the hook by which a subclass makes its cell",
    r"rnnbp\.estimators\..*\.(make_\w+|component|get_params|set_params)": "scikit-learn's protocol",
    r"rnnbp\.(Sequential\.evaluate|Sequential\.forward_from|Sequential\.as_trained|models\.LayerStack\..*)": ARRAYS,
    r"rnnbp\.estimators\.(MLP|Sequence)(Classifier|Regressor|Forecaster|Tagger|Transcriber)": FIT,
    r"rnnbp\.estimators\.(MLP\w+|Sequence(Regressor|Forecaster|Tagger|Transcriber))\..*": "as SequenceClassifier's",
    r"rnnbp\.estimators\.SequenceClassifier\.(partial_fit|score)": "as fit",
    r"rnnbp\.(ShardedDataset(\..*)?|write_shards|load_shards)": PACKAGES,
    r"rnnbp\.(sweep|SweepReport(\..*)?|comparison\.new_optimizer)": "tests/comparison/test_sweep.py has its arguments",
    r"rnnbp\.data\.PartGenerator(\..*)?": "NumPy's own generator, whose methods check their arguments themselves",
    r"rnnbp\.training\.parallel\..*": "needs a communicator; tests/training/test_parallel.py runs them",
    # records
    r"rnnbp\.(Certificate|ConvergenceError|GradientReport|Forecast|ErrorRate|Report|SuiteReport)": RECORD,
    r"rnnbp\.gradients\.(Adjoints|Choice|Cost|Curvature|Gradient|GradientDecay|Tangent)": RECORD,
    r"rnnbp\.(layers\.FixedPointSolution|losses\.Mixture|optimizers\.Minimum|solvers\.Solution)": RECORD,
    r"rnnbp\.(reservoirs\.(ForceRun|MemoryCapacity)|audio\.(AudioInfo|HTKFeatures))": RECORD,
    r"rnnbp\.decoding\.(Alignment|Hypothesis)": RECORD,
    r"rnnbp\.(diagnostics\.Trajectory|metrics\.History|reproduction\.Figure|benchmark\.Benchmark|cells\.Outer)": RECORD,
    # rooms
    r"rnnbp\.(runtime|kernels|reference|reproduction|benchmark|gradients\.checkpointing|gradients\.online)\..*": ROOM,
    r"rnnbp\.models\.[a-z_]+": ROOM,
    r"rnnbp\.(layers\.Run|solvers\.[a-zA-Z_]+|core\.(SharedParameters|check_initializer|glorot))(\..*)?": ROOM,
    r"rnnbp\.(data\.[a-z_]+|data\.LazySequences\.\w+|training\.[a-z_]+|losses\.check_loss)": ROOM,
    r"rnnbp\.optimizers\.(FullBatch|Minimizer|NormalEquations|Optimizer)(\..*)?": ROOM,
    r"rnnbp\.metrics\.(check_monitor|history_columns|less_is_better)": ROOM,
    r"rnnbp\.comparison\.(Recipe|TrainingRun|checkpoint_folder|baseline_names|baselines_for|factories_of)(\..*)?": ROOM,
    r"rnnbp\.cells\.declared\.(?!DeclaredCell).*": "called in equations, on symbols",
    r"rnnbp\.datasets\.By\w+\.\w+": ROOM,
    r"rnnbp\.data\.(BatchPart(\..*)?|ResampledDataset\.info_column)": ROOM,
    r"rnnbp\.SequenceDataset\.info_column": ROOM,
    r"rnnbp\.(Trainer\.(fit|fit_up_to)|compare(_suite|_gradients)?|check_gradient|(Suite)?Report\..*)": DEAR,
    r"rnnbp\.(plot_cell|plotting\..*|estimators\..*)": LATER,
    r"rnnbp\.diagnostics\.lyapunov_exponents": LATER,
    # other tests
    r"rnnbp\.interop\.(?!state_dict|load_state_dict|torch_names).*": PACKAGES,
    r"rnnbp\.datasets\.(load|feature_of|fetch|load_(?!digits|digit_rows|sunspots|shakespeare|cmudict).*)": FILES,
    r"rnnbp\.datasets\.(read_(pgm|segments)|write_synthetic_digits)": FILES,
    r"rnnbp\.applications\.nettalk\.(load_reader|train_reader|scores|Speaker(\..*)?|Lexicon\.of_\w+)": FILES,
    r"rnnbp\.applications\.spoken_digits\..*": FILES,
    r"rnnbp\.applications\.nettalk\.((CTC)?Reader\..*|align|sound)": FILES,
    r"rnnbp\.Forecast\.of": RECORD,
    r"rnnbp\.data\.ResampledDataset\.cut": "as SequenceDataset.cut, and always refused",
    r"rnnbp\.cells\.declared\.DeclaredCell": "the base class of cells, which have rows",
}


def inner(name: str) -> str | None:
    """Return why a callable has no row; None if it has one."""
    return next((reason for pattern, reason in INNER.items() if re.fullmatch(pattern, name)), None)
