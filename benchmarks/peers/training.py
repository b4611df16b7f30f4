"""Training as researchers write it: a Dataset with torchvision transforms, a DataLoader, a plain loop."""

import sys

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Images(Dataset):
    """Images of uint8 [n, H, W, C] or [n, H, W], transformed one by one, as the datasets of torchvision do."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, mean: list[float], deviation: list[float]):
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, deviation)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def train_epoch(
    network: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """Train for one epoch."""
    network.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = cross_entropy(network(inputs), targets)
        loss.backward()
        optimizer.step()
        scheduler.step()


@torch.no_grad()
def accuracy(network: nn.Module, loader: DataLoader) -> float:
    """Return the share of images that are classified right."""
    network.eval()
    right = sum((network(inputs).argmax(1) == targets).sum().item() for inputs, targets in loader)
    return right / len(loader.dataset)


def perceptron(pixels: int, hidden: int) -> nn.Module:
    """Return a perceptron of two hidden layers for 10 classes."""
    layers = [nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)]
    return nn.Sequential(nn.Flatten(), *layers)


def train_digits(seed: int, hidden: int, epochs: int) -> float:
    """Train a perceptron on scikit-learn's digits as one job does; return its last accuracy on test images."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    torch.manual_seed(seed)
    chosen = torch.randperm(len(images)).numpy()
    mean, deviation = [images.mean() / 255], [images.std() / 255]
    train, test = (Images(images[part], digits.target[part], mean, deviation) for part in np.split(chosen, [1258]))
    network = perceptron(64, hidden)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    train_loader, test_loader = DataLoader(train, 32, shuffle=True), DataLoader(test, 512)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train_loader))
    for _ in range(epochs):
        train_epoch(network, train_loader, optimizer, scheduler)
        last = accuracy(network, test_loader)
    return last


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_digits(*map(int, sys.argv[1:]))
