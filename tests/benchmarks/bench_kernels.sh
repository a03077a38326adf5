#!/usr/bin/env bash
# The whole table of `rnnbp bench`, in about a quarter of an hour: bench_kernels.sh DIR. What would make NumPy's linear
# algebra take the machine for another one is unset for it, both variables together.
set -euo pipefail
exec env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE KERAS_BACKEND=torch python -m rnnbp bench --output "$1" "${@:2}"
