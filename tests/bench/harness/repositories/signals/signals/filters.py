"""The C++ loops as functions of lists."""

import ctypes
import pathlib

_native = ctypes.CDLL(str(pathlib.Path(__file__).with_name("_native.so")))
_native.peaks.restype = ctypes.c_size_t


def _doubles(values):
    return (ctypes.c_double * len(values))(*values)


def _windowed(function, values, width):
    if width < 1:
        raise ValueError(f"a window of {width} values")
    out = (ctypes.c_double * len(values))()
    function(_doubles(values), ctypes.c_size_t(len(values)), ctypes.c_size_t(width), out)
    return list(out)


def moving_mean(values, width):
    return _windowed(_native.moving_mean, values, width)


def moving_median(values, width):
    return _windowed(_native.moving_median, values, width)


def peaks(values, floor=0.0):
    out = (ctypes.c_size_t * len(values))()
    count = _native.peaks(
        _doubles(values), ctypes.c_size_t(len(values)), ctypes.c_double(floor), out
    )
    return list(out[:count])
