"""Files that are whole or not there."""

import os
import time

import pytest

from spikegrid.files import date_no_later_than_now, written_whole


def test_file_appears_only_when_the_block_has_ended(tmp_path):
    path = tmp_path / "table.csv"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_older_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("older")
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "older"
    assert path.read_text() == "new"


def test_content_is_on_the_disk_before_the_file_has_its_name_and_the_name_afterwards(tmp_path, monkeypatch):
    path, on_disk = tmp_path / "table.csv", []
    monkeypatch.setattr(os, "fsync", lambda file: on_disk.append((os.fstat(file).st_ino, path.exists())))
    with written_whole(path) as temporary:
        temporary.write_text("new")
    assert on_disk == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_older_file_stays_and_nothing_else_is_left_when_the_block_raises(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("older")
    with pytest.raises(error), written_whole(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_block_that_raises_before_writing_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="early"), written_whole(tmp_path / "table.csv"):
        raise ValueError("early")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["table.csv", "spikes.npz", "figure.pdf", "checkpoints.safetensors"])
def test_temporary_file_lies_beside_the_file_and_has_its_suffix(tmp_path, name):
    path = tmp_path / name
    with written_whole(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == path.suffix
        assert temporary.name.startswith(".")
        temporary.touch()


def test_missing_folders_are_made(tmp_path):
    with written_whole(tmp_path / "a" / "b" / "table.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a" / "b" / "table.csv").read_text() == "new"


def test_a_path_may_be_a_string(tmp_path):
    with written_whole(f"{tmp_path}/table.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "table.csv").read_text() == "new"


def test_files_from_the_future_get_the_time_of_now_and_others_keep_theirs(tmp_path):
    now, future, past = time.time(), tmp_path / "runs" / "future", tmp_path / "past"
    future.parent.mkdir()
    for file, at in ((future, now + 86400), (past, now - 86400)):
        file.touch()
        os.utime(file, (at, at))
    date_no_later_than_now(tmp_path)
    assert now <= future.stat().st_mtime <= time.time()
    assert past.stat().st_mtime == now - 86400
