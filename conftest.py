"""Which files are searched for doctests: without Numba, none of those that import it."""

from importlib.util import find_spec

collect_ignore_glob = (
    [] if find_spec("numba") else ["src/handgrad/kernels/[!_]*.py", "src/handgrad/plans/*.py"]
)
