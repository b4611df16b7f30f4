"""Any folder with one folder of images for each class, or with such folders under ``train`` and ``test`` or ``val``."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from spikegrid.class_folders import classes_of, parts_of
from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

PARAMETERS = {
    "path": {
        "type": "string",
        "format": "class-folders",
        "description": "Folder of class folders, or folder with `train` and `test`, each a folder of class folders. "
        "Where there is no `test`, `val` takes its place; beside `test` it is left out.",
    },
    "size": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 4096,
        "default": 32,
        "description": "Height and width to which every image is resized, in pixels. `null` keeps the images as they "
        "are, which must then be of one height and width.",
    },
    "colour": {
        "type": "boolean",
        "default": True,
        "description": "Three channels, or one grey channel.",
    },
}

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def load(data_root: str, path: str, size: int | None, colour: bool) -> ImageSet:
    """Return the images in the order of their names, resized by area-aware bilinear filtering.

    Raises InputError when there is no class, a class has no image, an image cannot be read, images that are not
    resized differ in height or width, or training and test images differ in their classes.
    """
    root = Path(path)
    parts = parts_of(root)
    names = classes_of(parts[0])
    if not names:
        raise InputError(f"{parts[0]}: holds no folder; expected a folder of images for each class")
    for part in parts:
        if classes_of(part) != names:
            raise InputError(
                f"{part}: classes {', '.join(classes_of(part))}; expected {', '.join(names)} as in {parts[0]}"
            )
    found = [
        (file, label, split)
        for split, part in zip((TRAIN, TEST), parts)
        for label, name in enumerate(names)
        for file in _image_files(part / name)
    ]
    files, labels, splits = zip(*found)
    images = [_read(file, size, colour) for file in files]
    for file, image in zip(files, images):
        if image.shape != images[0].shape:
            height, width = image.shape[1:]
            expected = " × ".join(map(str, images[0].shape[1:]))
            raise InputError(f"{file}: {height} × {width} pixels; expected {expected} as in {files[0]}, or a `size`")
    split = np.array(splits, np.uint8) if len(parts) == 2 else None
    return ImageSet(np.stack(images), np.array(labels, np.int16), split, names, f"image folder {root.name}")


def _image_files(folder: Path) -> list[Path]:
    """Return the images of one class in the order of their names; hidden files are none."""
    files = sorted(
        file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise InputError(f"{folder}: holds no image; expected files ending in {', '.join(sorted(SUFFIXES))}")
    return files


def _read(file: Path, size: int | None, colour: bool) -> np.ndarray:
    """Return one image, uint8 [channels, height, width]."""
    try:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            converted = _eight_bit(image).convert("RGB" if colour else "L")
            shown = converted if size is None else converted.resize((size, size), Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: not a readable image ({error}); mend or remove it") from None
    pixels = np.asarray(shown)
    return pixels.transpose(2, 0, 1) if colour else pixels[None]


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel; grey of 16 bits keeps its range, which Pillow would cut off at 255."""
    if image.mode == "F":
        raise ValueError("floating-point pixels; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    return image
