"""Chromium without a window: pages become pictures, and their errors are told."""

import os
import shutil
import struct
import subprocess
import zlib
from typing import List, NamedTuple, Optional

import numpy as np

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars",
          "--enable-logging=stderr")
_SCHEMES = {"dark": 0, "light": 1}  # as Blink numbers them
_SECS = 120.0


def path() -> Optional[str]:
    """Where Chromium is; None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Seen(NamedTuple):
    """What a browser shows of a page.

    Attributes:
      pixels: uint8 [height, width, 3], from the top.
      errors: what it says on the console.
    """

    pixels: np.ndarray
    errors: List[str]


def see(page: str, folder: str, width: int, height: int, scheme: str) -> Seen:
    """Opens a page from the disk and makes a picture of it.

    Args:
      folder: for the browser's own files.
      width, height: of the window, in pixels.
      scheme: "light" or "dark".
    """
    picture = os.path.join(folder, "seen.png")
    said = _run(page, folder, "--window-size={},{}".format(width, height),
                "--blink-settings=preferredColorScheme={}".format(_SCHEMES[scheme]),
                "--screenshot=" + picture)
    errors = [line for line in said.stderr.splitlines() if "CONSOLE" in line]
    with open(picture, "rb") as file:
        return Seen(pixels_of(file.read()), errors)


def dump(page: str, folder: str, width: int) -> str:
    """The document of a page once its scripts have run."""
    return _run(page, folder, "--window-size={},2000".format(width), "--dump-dom").stdout


def _run(page: str, folder: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    browser = path()
    assert browser, "Chromium is not installed"
    return subprocess.run(
        [browser, *_FLAGS, "--user-data-dir=" + os.path.join(folder, "profile"), *flags,
         "file://" + page],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=True,
        timeout=_SECS)


def pixels_of(png: bytes) -> np.ndarray:
    """The pixels of a PNG of 8 bits a channel without interlacing: uint8 [height, width, 3]."""
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    assert bits == 8 and kind in (2, 6) and not interlaced
    channels = {2: 3, 6: 4}[kind]
    packed, place = b"", 8
    while place < len(png):
        size, name = struct.unpack(">I4s", png[place:place + 8])
        if name == b"IDAT":
            packed += png[place + 8:place + 8 + size]
        place += size + 12
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1)
    filtered = lines[:, 1:].reshape(height, width, channels).astype(np.int64)
    return _unfiltered(lines[:, 0].astype(np.int64), filtered)[:, :, :3].astype(np.uint8)


def _unfiltered(kinds: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Pixels as they were before their lines were filtered (PNG specification, section 9).

    A pixel needs the ones on its left, above it, and left of that; so those of a diagonal, from
    the upper right to the lower left, are worked out at once.
    """
    height, width, channels = filtered.shape
    pixels = np.zeros([height + 1, width + 1, channels], np.int64)  # with a line above, and left
    for diagonal in range(height + width - 1):
        rows = np.arange(max(0, diagonal - width + 1), min(height - 1, diagonal) + 1)
        columns = diagonal - rows
        left, above = pixels[rows + 1, columns], pixels[rows, columns + 1]
        guesses = [np.zeros_like(left), left, above, (left + above) // 2,
                   _paeth(left, above, pixels[rows, columns])]
        guess = np.choose(kinds[rows][:, None], guesses)
        pixels[rows + 1, columns + 1] = (filtered[rows, columns] + guess) & 255
    return pixels[1:, 1:]


def _paeth(left: np.ndarray, above: np.ndarray, upper_left: np.ndarray) -> np.ndarray:
    """Of three pixels that which is nearest to their plane."""
    of_left = np.abs(above - upper_left)
    of_above = np.abs(left - upper_left)
    of_upper_left = np.abs(left + above - 2 * upper_left)
    is_left = (of_left <= of_above) & (of_left <= of_upper_left)
    return np.where(is_left, left, np.where(of_above <= of_upper_left, above, upper_left))
