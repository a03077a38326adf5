"""Public names without a row in the table, and why.

They are public to the other rooms of the package, or to those who write a cell, layer or loss of their own; users'
values reach them only through callables of the table, which check them.
"""

import re

ARRAYS = "called for every batch or step, with arrays that the model, trainer or dataset has checked"
RECORD = "a record of results, which the package makes"
ROOM = "machinery of the package's own rooms"
KERAS = "Keras is imported at the call, and dies where the limit of seconds ends it; tests/interop has its arguments"

INNER = {
    r"rnnbp\.interop\.(to_keras|from_keras|keras_lengths)": KERAS,
    # protocols, which inner loops call
    r".*\.(backward|backward_params|prepare|initialize|out_shape|out_lengths|shapes|scopes|halves)": ARRAYS,
    r"rnnbp\.(Layer|kernels\..*|gradients\..*)\.forward": ARRAYS,
    r".*\.(step_vjp|param_vjp|outer_products|with_constrained|add_gradient|constrained|recurrent_weights)": ARRAYS,
    r"rnnbp\.(cells\..*|Stack|JordanCell)\.(step|split)": ARRAYS,
    r".*\.(terms|weights|check|check_classes|masked|evidence|pooled_score|check_dataset)": ARRAYS,
    r"rnnbp\.Loss\.(align|named|outputs)": ARRAYS,
    r"rnnbp\.optimizers\.Optimizer\.(update|decayed|begin)": ARRAYS,
    r".*\.(initial_influence|block_steps|learning_signal|check_cell|generator|fed|derivative|implicit|matrix)": ARRAYS,
    r"rnnbp\.optimizers\.Minimizer\.search": ARRAYS,
    r".*\.(emphasized|with_derivatives|static)": ARRAYS,
    r"rnnbp\.EarlyStopping\.(begin|seen)": ARRAYS,
    r"rnnbp\.(Sequential\.(evaluate|as_trained)|models\.LayerStack\.(unroll|cast))": ARRAYS,
    r"rnnbp\.(layers\.StackedLayer\.make_cell|estimators\..*\.(make_\w+|component))": "hooks, which subclasses define",
    r"rnnbp\.data\.PartGenerator(\..*)?": "NumPy's own generator, whose methods check their arguments themselves",
    r"rnnbp\.training\.parallel\..*": "needs a communicator; tests/training/test_parallel.py runs them",
    r"rnnbp\.datasets\.fetch": "downloads",
    r"rnnbp\.reproduction\.(reproduce|rewrite_tables)": "trains for hours, for the tables of the README",
    # records
    r"rnnbp\.(Certificate|ConvergenceError|GradientReport|Forecast|ErrorRate|Report|SweepReport)": RECORD,
    r"rnnbp\.gradients\.(Adjoints|Choice|Cost|Curvature|Gradient|GradientDecay|Tangent)": RECORD,
    r"rnnbp\.(layers\.FixedPointSolution|losses\.Mixture|optimizers\.Minimum|solvers\.Solution|ShardedDataset)": RECORD,
    r"rnnbp\.(reservoirs\.(ForceRun|MemoryCapacity)|audio\.(AudioInfo|HTKFeatures))": RECORD,
    r"rnnbp\.decoding\.(Alignment|Hypothesis)": RECORD,
    r"rnnbp\.(diagnostics\.Trajectory|metrics\.History|reproduction\.Figure|benchmark\.Benchmark|cells\.Outer)": RECORD,
    # rooms
    r"rnnbp\.(runtime|reference|benchmark|gradients\.checkpointing|gradients\.online)\..*": ROOM,
    r"rnnbp\.reproduction\.(Settings|figures_of|markdown|table)": ROOM,
    r"rnnbp\.kernels\.Kernel\..*": ROOM,
    r"rnnbp\.models\.[a-z_]+": ROOM,
    r"rnnbp\.core\.(SharedParameters|check_initializer|glorot)": ROOM,
    r"rnnbp\.solvers\.(.*\.__call__|Search\..*|convergence_error|imaginary_scale)": ROOM,
    r"rnnbp\.layers\.Run\..*": ROOM,
    r"rnnbp\.(data\.[a-z_]+|data\.LazySequences\.\w+|training\.[a-z_]+|losses\.check_loss)": ROOM,
    r"rnnbp\.optimizers\.(Minimizer|Optimizer)": "abstract base, whose subclasses have rows",
    r"rnnbp\.metrics\.(check_monitor|history_columns|less_is_better)": ROOM,
    r"rnnbp\.comparison\.(Recipe|TrainingRun|checkpoint_folder)(\..*)?": ROOM,
    r"rnnbp\.cells\.declared\.(?!DeclaredCell).*": "called in equations, on symbols",
    r"rnnbp\.datasets\.By\w+\.\w+": ROOM,
    r"rnnbp\.data\.BatchPart(\..*)?": ROOM,
    r"rnnbp\.(SequenceDataset|ShardedDataset|data\.ResampledDataset)\.info_column": ROOM,
    r"rnnbp\.data\.ResampledDataset\.cut": "as SequenceDataset.cut, and always refused",
    r"rnnbp\.cells\.declared\.DeclaredCell": "the base class of cells, which have rows",
}


def inner(name: str) -> str | None:
    """Return why a callable has no row; None if it has one."""
    return next((reason for pattern, reason in INNER.items() if re.fullmatch(pattern, name)), None)
