"""The csv file of the history of a run."""

import numpy as np
import pandas as pd
import pytest

from spikegrid.history import save_history

COLUMNS = [
    *("dataset", "architecture", "regime", "seed", "epoch"),
    *("loss", "train_accuracy", "true_label_accuracy", "test_accuracy"),
    *("training_images", "corrupted_share", "trained_epochs"),
]


def row(seed: int, epoch: int, loss: float = 2 / 3) -> dict:
    accuracies = {"train_accuracy": 1.0, "true_label_accuracy": 1 / 3, "test_accuracy": 0.0}
    counts = {"training_images": 3, "corrupted_share": 2 / 3, "trained_epochs": 0}
    return {"seed": seed, "epoch": epoch, "loss": loss, **accuracies, **counts}


@pytest.fixture
def rows():
    return [row(seed, epoch) for seed in (4, 5) for epoch in range(3)]


def test_history_has_a_row_an_epoch_and_seed_with_the_names_of_the_run(tmp_path, run, rows):
    save_history(tmp_path / "history.csv", run, rows)
    table = pd.read_csv(tmp_path / "history.csv")
    assert table.columns.tolist() == COLUMNS
    assert table["seed"].tolist() == [4, 4, 4, 5, 5, 5]
    assert table["epoch"].tolist() == [0, 1, 2, 0, 1, 2]
    assert set(table["dataset"]) == {"dots"}
    assert set(table["architecture"]) == {"net"}
    assert set(table["regime"]) == {"generalizing"}
    np.testing.assert_allclose(table["loss"], 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(table["true_label_accuracy"], 1 / 3, rtol=1e-6)
    assert table["training_images"].tolist() == [3] * 6
    np.testing.assert_allclose(table["corrupted_share"], 2 / 3, rtol=1e-6)


def test_numbers_have_seven_digits_and_an_empty_line_ends_the_lines(tmp_path, run, rows):
    save_history(tmp_path / "history.csv", run, rows)
    lines = (tmp_path / "history.csv").read_bytes().decode().split("\n")
    assert lines[1] == "dots,net,generalizing,4,0,0.6666667,1,0.3333333,0,3,0.6666667,0"
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize("loss", [1e-30, 1e30, 0.0, 123456.789])
def test_losses_of_any_size_are_read_as_they_were(tmp_path, run, loss):
    save_history(tmp_path / "history.csv", run, [row(0, 0, loss)])
    assert pd.read_csv(tmp_path / "history.csv")["loss"][0] == pytest.approx(loss, rel=1e-6)
