import struct
import zlib

import numpy as np
import pytest

from common.testing import browser


def png_of(pixels: np.ndarray, kind: int) -> bytes:
    """A PNG, each line of which has a filter of a kind."""
    height, width, channels = pixels.shape
    before = pixels.astype(np.int64)
    left, above, upper_left = (np.zeros_like(before) for _ in range(3))
    left[:, 1:], above[1:], upper_left[1:, 1:] = before[:, :-1], before[:-1], before[:-1, :-1]
    guess = left + above - upper_left
    distances = np.stack([np.abs(guess - one) for one in (left, above, upper_left)])
    paeth = np.choose(distances.argmin(axis=0), [left, above, upper_left])
    predicted = [0, left, above, (left + above) // 2, paeth][kind]
    lines = ((before - predicted) % 256).astype(np.uint8).reshape(height, -1)
    data = b"".join(bytes([kind]) + line.tobytes() for line in lines)
    head = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(content)) + name + content + b"\0\0\0\0"
             for name, content in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_of_all_filters(kind: int, channels: int) -> None:
    pixels = np.random.default_rng(kind).integers(0, 256, [7, 5, channels]).astype(np.uint8)
    assert (browser.pixels_of(png_of(pixels, kind)) == pixels[:, :, :3]).all()
