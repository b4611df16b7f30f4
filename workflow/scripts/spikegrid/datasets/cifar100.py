"""CIFAR-100: 50,000 + 10,000 colour photographs in 100 classes, 32×32, by their fine labels.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
"""

from spikegrid.cifar import BinaryVersion, load_binary_version
from spikegrid.images import ImageSet

PARAMETERS = {}
IMAGES = {"shape": [3, 32, 32], "classes": 100, "train": 50000, "test": 10000}

VERSION = BinaryVersion(
    url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    folder="cifar-100-binary",
    train={"train.bin": 50_000},
    test={"test.bin": 10_000},
    labels=2,
)
# fmt: off
CLASSES = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
]
# fmt: on


def load(data_root: str) -> ImageSet:
    """Return CIFAR-100 from ``{data_root}/cifar-100-binary``, downloaded if it is not there."""
    return load_binary_version(VERSION, data_root, CLASSES, "CIFAR-100")
