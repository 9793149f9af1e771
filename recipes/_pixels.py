"""Pixels as bytes of one size: `Reader` of `load_images`, for paths, encoded bytes and arrays."""

import io

import numpy as np

from recipes import _checks

# The value of what stands in for a broken image, and of the border of a padded one.
GREY = 127

# The highest pixel of an array may be one of these; it is the first that all its pixels keep to.
WHITE_OF_16_BITS = 65535
TOPS = {"bool": (1,), "float": (1, 255), "int": (255,), "uint16": (255, WHITE_OF_16_BITS)}


class Reader:
    """A path, encoded bytes or an array -> uint8 pixels of one size.

    Args:
        sides: (height, width) of what comes out.
        channels: 1, 3 or 4.
        resizing: as in `load_images`.
        items: all that it will read. Arrays are checked, and their range is told from all of them:
            a dark image of 0-255 is no image of 0-1.
    """

    MODES = {1: "L", 3: "RGB", 4: "RGBA"}

    def __init__(self, sides, channels, resizing, items):
        self.shape = (*sides, channels)
        self.mode = self.MODES[channels]
        self.resizing = resizing
        self.factors = _factors(items)

    def __call__(self, item):
        from PIL import Image, ImageOps

        height, width, channels = self.shape
        if isinstance(item, np.ndarray):
            image = Image.fromarray(self._as_bytes(item))
        else:
            image = Image.open(io.BytesIO(item) if isinstance(item, bytes) else item)
            # A JPEG is decoded at a fraction of its size where that is still large enough.
            image.draft(None, (2 * width, 2 * height))
            image = _eight_bits(ImageOps.exif_transpose(image))
        image = image.convert(self.mode)
        if image.size != (width, height):
            # The sharpest: networks tell things by fine structure. benchmarks/fine_tuning.py.
            method = Image.Resampling.LANCZOS
            if self.resizing == "stretch":
                image = image.resize((width, height), method)
            elif self.resizing == "crop":
                image = ImageOps.fit(image, (width, height), method)
            else:
                grey = (GREY,) * channels if channels > 1 else GREY
                image = ImageOps.pad(image, (width, height), method, color=grey)
        return np.asarray(image, "uint8").reshape(self.shape)

    def _as_bytes(self, array):
        if array.dtype != np.uint8:
            if not np.isfinite(array).all():
                raise ValueError("its pixels are not finite")
            array = np.rint(array * self.factors[_kind(array)]).astype("uint8")
        return array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array


def _eight_bits(image):
    """16 bits a pixel as 8: Pillow's own conversion makes most of an image white."""
    from PIL import Image

    if image.mode == "F":
        raise ValueError("it holds floats, and no file says of which range")
    if not image.mode.startswith("I"):
        return image
    shares = np.clip(np.asarray(image) / WHITE_OF_16_BITS, 0, 1)
    return Image.fromarray(np.rint(255 * shares).astype("uint8"))


def _factors(items):
    """What takes the arrays of each kind to 0-255."""
    ends: dict[str, list] = {}
    for number, item in enumerate(items):
        if not isinstance(item, np.ndarray):
            continue
        flat = item.ndim == 2 or (item.ndim == 3 and item.shape[-1] <= 4)
        _checks.require(
            flat and item.size > 0 and item.dtype.kind in "biuf",
            "every image",
            "be numbers of shape (height, width) or (height, width, 1 to 4 channels)",
            f"{item.dtype} of shape {item.shape} in row {number}",
        )
        # Pixels that are not finite are a broken image's, which is met with its batch.
        known = item[np.isfinite(item)] if item.dtype.kind == "f" else item
        if item.dtype != np.uint8 and known.size:
            ends.setdefault(_kind(item), []).extend((known.min(), known.max()))
    return {kind: _factor(kind, float(min(v)), float(max(v))) for kind, v in ends.items()}


def _factor(kind, low, high):
    top = next((top for top in TOPS[kind] if high <= top), 0)
    _checks.require(
        low >= 0 and top > 0,
        "every image",
        "have pixels of 0-255, floats of 0-1, or uint16 of 0-65535",
        f"{kind} from {low:g} to {high:g}",
        "Undo the scaling first: -1..1 is (x + 1) * 127.5." if low < 0 else "Scale them to 0-255.",
    )
    return 255 / top


def _kind(array):
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return "uint16"
    return {"b": "bool", "f": "float"}.get(array.dtype.kind, "int")
