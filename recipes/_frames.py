"""pandas objects as arrays of numbers: `to_array`."""

import numpy as np


def to_array(data):
    """The array of a frame, a column or anything array-like.

    pandas makes objects of numbers of several kinds, such as floats beside bools; here they are
    float64, with NaN where there is a gap.
    """
    if not hasattr(data, "to_numpy"):
        return np.asarray(data)
    data = data.infer_objects() if hasattr(data, "infer_objects") else data
    array = data.to_numpy()
    if array.dtype != object:
        return array
    from pandas.api.types import is_numeric_dtype

    kinds = data.dtypes if data.ndim > 1 else [data.dtype]
    return data.to_numpy("float64", na_value=np.nan) if all(map(is_numeric_dtype, kinds)) else array
