"""Pictures as people see them: the pixels of an image file, and masks as colours over them."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from interim.client.catalogue import LabelClass
from interim.client.errors import UnreadableImage
from interim.client.request import ImageSource

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

_STRENGTH: Final = 55  # percent of a class's colour over the picture; its outline is drawn at full strength
_UNNAMED: Final = 0.618034  # turns of the colour wheel between two classes without a colour of their own


def read_pixels(image: ImageSource) -> Pixels:
    """The picture the server sees: upright (EXIF orientation applied), in RGB.

    Args:
        image: a path, the bytes of an image file, or the pixels themselves.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UnreadableImage: Not an image this side can read.
    """
    if isinstance(image, np.ndarray):
        return image
    source = io.BytesIO(image) if isinstance(image, bytes) else Path(image)
    try:
        with Image.open(source) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith("I"):  # 16 bits a pixel, which convert() would clip
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            pixels: Pixels = np.asarray(upright.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        name = "the image" if isinstance(image, bytes) else str(image)
        raise UnreadableImage(f"cannot draw on {name}: {error}") from error
    return pixels


def palette_of(classes: Iterable[LabelClass]) -> Pixels:
    """The colour of each class id: (256, 3) uint8. Ids without a class get bright colours of their own."""
    hues = np.arange(256) * _UNNAMED % 1.0
    wheel = np.abs((hues[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    palette: Pixels = (255 * np.clip(wheel, 0, 1)).astype(np.uint8)
    for each in classes:
        if each.id < len(palette):  # no pixel can have another
            palette[each.id] = each.rgb
    return palette


def colour_of(palette: Pixels, id_: int) -> Colour:
    """One colour of a palette."""
    red, green, blue = palette[id_].tolist()
    return red, green, blue


def overlay(pixels: Pixels, mask: Pixels, palette: Pixels) -> Pixels:
    """The classes' colours over a picture, each region outlined.

    Args:
        pixels: (H, W, 3) uint8.
        mask: class ids, (H, W) uint8; of any other size it is stretched over the picture.
        palette: (256, 3) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = pixels.shape[:2]
    if mask.shape != (height, width):
        mask = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
    colours = palette[mask]
    blended = np.multiply(pixels, 100 - _STRENGTH, dtype=np.uint16)  # in place: pictures may be large
    blended += np.multiply(colours, _STRENGTH, dtype=np.uint16)
    blended += 50
    blended //= 100
    drawn: Pixels = blended.astype(np.uint8)
    np.copyto(drawn, colours, where=_outline(mask)[..., None])
    return drawn


def _outline(mask: Pixels) -> npt.NDArray[np.bool_]:
    """Pixels whose neighbour to the right or below is of another class."""
    outline = np.zeros(mask.shape, np.bool_)
    outline[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    outline[:-1] |= mask[:-1] != mask[1:]
    return outline
