"""Any folder with one folder of images for each class, or with such folders under ``train`` and ``test``."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from spikegrid.errors import InputError
from spikegrid.images import TEST, TRAIN, ImageSet

PARAMETERS = {
    "path": {
        "type": "string",
        "format": "class-folders",
        "description": "Folder of class folders, or folder with `train` and `test`, each a folder of class folders.",
    },
    "size": {
        "type": "integer",
        "minimum": 1,
        "maximum": 4096,
        "default": 32,
        "description": "Height and width to which every image is resized, in pixels.",
    },
    "colour": {
        "type": "boolean",
        "default": True,
        "description": "Three channels, or one grey channel.",
    },
}

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def load(data_root: str, path: str, size: int, colour: bool) -> ImageSet:
    """Return the images in the order of their names, resized by area-aware bilinear filtering.

    Raises InputError when a class has no image, an image cannot be read, or
    ``train`` and ``test`` differ in their classes.
    """
    root = Path(path)
    parts = {TRAIN: root / "train", TEST: root / "test"}
    if not all(part.is_dir() for part in parts.values()):
        parts = {TRAIN: root}
    classes = {split: sorted(entry.name for entry in part.iterdir() if entry.is_dir()) for split, part in parts.items()}
    names = classes[TRAIN]
    for split, part in parts.items():
        if classes[split] != names:
            raise InputError(
                f"{part}: classes {', '.join(classes[split])}; expected {', '.join(names)} as in {parts[TRAIN]}"
            )
    images, labels, splits = [], [], []
    for split, part in parts.items():
        for label, name in enumerate(names):
            files = sorted(file for file in (part / name).iterdir() if file.suffix.lower() in SUFFIXES)
            if not files:
                raise InputError(
                    f"{part / name}: holds no image; expected files ending in {', '.join(sorted(SUFFIXES))}"
                )
            images.extend(_read(file, size, colour) for file in files)
            labels.extend([label] * len(files))
            splits.extend([split] * len(files))
    split = np.array(splits, np.uint8) if len(parts) == 2 else None
    return ImageSet(np.stack(images), np.array(labels, np.int16), split, names, f"image folder {root.name}")


def _read(file: Path, size: int, colour: bool) -> np.ndarray:
    """Return one image, uint8 [channels, size, size]."""
    try:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            resized = _eight_bit(image).convert("RGB" if colour else "L").resize((size, size), Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: not a readable image ({error}); mend or remove it") from None
    pixels = np.asarray(resized)
    return pixels.transpose(2, 0, 1) if colour else pixels[None]


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel; grey of 16 bits keeps its range, which Pillow would cut off at 255."""
    if image.mode == "F":
        raise ValueError("floating-point pixels; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    return image
