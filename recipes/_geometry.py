"""Where in the input the cells of a layer lie, and maps brought to the input's size accordingly.

It is not where stretching puts them: MobileNetV2 sees 224 pixels in 7 cells, the first of them 31
pixels from the edge and the last at the other one, because its strided windows begin at the edge
and end beyond it.
"""

import numpy as np

from recipes import _gradients


def centres(model, x):
    """{size of a layer's output: ((stride, centre of the first cell), ...) axis by axis}.

    In pixels or steps of x. Layers are told apart by size alone: shortcuts and branches see what
    the layer beside them sees.
    """
    inside = x.shape[1:-1]
    known = {inside: ((1.0, 0.0),) * len(inside)}
    for layer, before, after in _gradients.calls(model, x):
        before, after = before[1:-1], after[1:-1]
        if after in known or before not in known or len(before) != len(after):
            continue
        known[after] = tuple(
            (stride * step, first + stride * shift)
            for (stride, first), (step, shift) in zip(
                known[before], _windows(layer, before, after), strict=True
            )
        )
    return known


def resized(maps, size, cells=None):
    """Maps (rows, *size) from (rows, *grid): linear between the centres of the cells.

    Args:
        maps: (rows, *grid).
        size: places on each axis, or None for the maps as they are.
        cells: (stride, centre of the first cell) of each axis; None stretches the grid to the size.
    """
    if size is None:
        return maps
    for axis, length in enumerate(size, start=1):
        count = maps.shape[axis]
        if count == length:
            continue
        stride, first = cells[axis - 1] if cells else _stretched(length, count)
        place = np.clip((np.arange(length) - first) / stride, 0, count - 1)
        low = place.astype(int)
        share = (place - low).astype(maps.dtype).reshape((-1,) + (1,) * (maps.ndim - axis - 1))
        high = np.minimum(low + 1, count - 1)
        maps = maps.take(low, axis) * (1 - share) + maps.take(high, axis) * share
    return maps


def _windows(layer, before, after):
    """(step, centre of the first window) of each axis, in cells of the layer's input."""
    axes = len(before)
    name = type(layer).__name__
    padding = getattr(layer, "padding", None)
    sides = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if name.startswith("ZeroPadding"):
        pads = np.reshape(layer.padding, (axes, 2))
        return [(1.0, -float(ahead)) for ahead, _ in pads]
    if sides is None or "Transpose" in name or padding not in ("same", "valid"):
        return [_stretched(*pair) for pair in zip(before, after, strict=True)]
    gaps = getattr(layer, "dilation_rate", 1)
    found = []
    knobs = (np.broadcast_to(one, axes) for one in (sides, layer.strides, gaps))
    for length, count, side, step, gap in zip(before, after, *knobs, strict=True):
        side = (side - 1) * gap + 1
        padded = max((count - 1) * step + side - length, 0) // 2 if padding == "same" else 0
        found.append((float(step), (side - 1) / 2 - padded))
    return found


def _stretched(length, count):
    """Cells of equal size that fill the axis."""
    stride = length / count
    return stride, (stride - 1) / 2
