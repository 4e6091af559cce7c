"""Transfer syntaxes: which are lossless, which a converter is given as they are, and how the others are decoded here.

Whether dcm2niix decodes JPEG-LS and JPEG 2000 depends on its build, deflated files no build reads, and of compressed
signed values with fewer bits than are allocated 1.0.20260724 loses the sign (``J2K_pixelrep_mismatch.dcm`` of pydicom
becomes 0 to 8191 instead of -2000 to 1896). So whatever is compressed is decoded here. UIDs: DICOM PS3.6, table A-1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS, JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K, HTJ2K_RPCL = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"

OF_ANY_CONVERTER = frozenset({"", IMPLICIT, EXPLICIT, BIG})
UNCOMPRESSED = OF_ANY_CONVERTER | {DEFLATED}
LOSSLESS = UNCOMPRESSED | {RLE, JPEG_LOSSLESS, JPEG_LOSSLESS_SV1, JPEG_LS, JPEG_2000, HTJ2K, HTJ2K_RPCL}
LOSSY = frozenset(
    f"1.2.840.10008.1.2.4.{number}"
    for number in (*range(50, 57), 81, 91, *range(93, 96), *range(100, 109), 111, 112, 203)
)  # fmt: skip
"""Syntaxes that may hold changed values, near-lossless and "lossless or lossy" ones included."""


def decoder(syntax: str) -> Callable[[bytes], Any]:
    """Function that decodes one frame of a lossless syntax, other than RLE, to an array of its rows and columns.

    Raises
    ------
    KeyError
        If the syntax has no codestream, or is not known.
    """
    import imagecodecs

    return {
        JPEG_LOSSLESS: imagecodecs.jpegsof3_decode,
        JPEG_LOSSLESS_SV1: imagecodecs.jpegsof3_decode,
        JPEG_LS: imagecodecs.jpegls_decode,
        JPEG_2000: imagecodecs.jpeg2k_decode,
        HTJ2K: imagecodecs.htj2k_decode,
        HTJ2K_RPCL: imagecodecs.htj2k_decode,
    }[syntax]


def decode_frame(frame: bytes, syntax: str, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """Decode one frame.

    Parameters
    ----------
    frame : bytes
        As it stands in the file, fragments joined.
    syntax : str
        A compressed, lossless transfer syntax.
    shape : tuple of int
        Rows and columns that the header gives.
    dtype : dtype
        Type of the stored values that the header gives, little endian.

    Returns
    -------
    ndarray
        Stored values, of that shape and type.

    Raises
    ------
    ValueError
        If the frame has another shape or width than the header says.
    """
    if syntax == RLE:
        import imagecodecs

        values = np.frombuffer(imagecodecs.dicomrle_decode(frame, dtype), dtype)[: shape[0] * shape[1]].reshape(shape)
    else:
        values = np.asarray(decoder(syntax)(frame))
    if values.shape != shape:
        raise ValueError(f"frame of {values.shape}, header says {shape}")
    if values.dtype == dtype:
        return values
    if values.dtype.itemsize == dtype.itemsize:
        return values.view(dtype)  # the codestream does not know the sign that the header gives
    if values.dtype.itemsize < dtype.itemsize:
        return values.astype(dtype)  # 8 bits of precision in 16 allocated
    raise ValueError(f"frame of {values.dtype}, header says {dtype}")
