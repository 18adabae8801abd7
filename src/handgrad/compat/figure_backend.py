"""What Matplotlib asks of a backend, for `figures`: a canvas without a window, and `show`.

Matplotlib imports this module, by the name in `figures.BACKEND`.
"""

from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

from handgrad.compat.figures import show

__all__ = ["FigureCanvas", "show"]
