"""Folders with one folder of images for each class, whole or split into training and test images."""

from pathlib import Path


def parts_of(root: Path) -> list[Path]:
    """Return the folders of the training and of the test images, or ``root`` alone where it is not split.

    They are ``train`` and ``test``, or ``train`` and ``val`` where there is no ``test``.
    """
    train = root / "train"
    test = [root / name for name in ("test", "val") if (root / name).is_dir()]
    return [train, test[0]] if train.is_dir() and test else [root]


def classes_of(part: Path) -> list[str]:
    """Return the names of the class folders, sorted; a hidden folder is none."""
    return sorted(entry.name for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith("."))
