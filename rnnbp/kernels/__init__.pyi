from rnnbp.kernels.base import Kernel as Kernel
from rnnbp.kernels.selection import BACKENDS as BACKENDS
from rnnbp.kernels.selection import allowed as allowed
from rnnbp.kernels.selection import kernel_of as kernel_of
from rnnbp.kernels.selection import may_compile as may_compile
from rnnbp.kernels.selection import using as using
