"""Which implementation of the ops runs: the reference, or (once there are any) compiled twins.

Layers and losses call `ops.<op>_forward` and `ops.<op>_backward` through the name `ops` of this
module; nothing else in the library knows which implementation answers. Twins share the
reference's names, arguments, results and `saved`, so the choice can differ from call to call.
"""

from handgrad import ops

__all__ = ["ops"]
