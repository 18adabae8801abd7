"""Pictures of what training and preparing made: each function draws one and writes it to a file.

The file's ending says the format (png, svg, pdf …). Colours are Okabe and Ito's, which people with
any colour vision can tell apart. Nothing touches pyplot's global state, and no display is needed.
"""

from handgrad.plots.confusion import confusion_matrix
from handgrad.plots.curves import learning_curve
from handgrad.plots.images import filters, mistakes, preprocessing_steps

__all__ = ["confusion_matrix", "filters", "learning_curve", "mistakes", "preprocessing_steps"]
