"""How kernels are told where things lie: tuples of whole numbers, one type for each length.

`at` (four): where the images of a flat array lie: the start, then the steps to the next image, row
and position. `size` (three): rows, positions in a row, channels.
"""

Two = tuple[int, int]
Three = tuple[int, int, int]
Four = tuple[int, int, int, int]
Five = tuple[int, int, int, int, int]
