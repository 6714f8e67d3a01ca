import zipfile

import pytest
import torch

from leed_traffic.errors import TrainingError
from leed_traffic.train.records.checkpoint import read_checkpoint, write_checkpoint
from tests.train.test_run import run


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"not a checkpoint", lambda b: b""])
@pytest.mark.parametrize("name", ["checkpoint.pt", "best.pt"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, name, damage):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    path = tmp_path / "run" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


def test_a_checkpoint_that_unpacks_to_more_than_it_is_is_refused(tmp_path):
    write_checkpoint(tmp_path / "a.pt", {"x": torch.zeros(200_000)})
    assert read_checkpoint(tmp_path / "a.pt")["x"].shape == (200_000,)
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as archive,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    with pytest.raises(TrainingError, match=r"damaged checkpoint .* bytes that unpack to 8"):
        read_checkpoint(tmp_path / "b.pt")


def test_a_checkpoint_that_holds_something_else_is_refused(tmp_path):
    run(tmp_path / "run", episodes=0, dagger_rounds=0)
    write_checkpoint(tmp_path / "run" / "checkpoint.pt", {"done": 1})
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        run(tmp_path / "run", episodes=0, dagger_rounds=0, resume=True)


def of_format(path, number, **content):
    torch.save({"format": number, **content}, path)
    return path


def test_a_checkpoint_of_an_earlier_version_is_read_by_the_names_of_today(tmp_path):
    path = of_format(tmp_path / "a.pt", 1, own_hours=2.0, labelled=[{"stage": 1, "usable": 3}])
    read = read_checkpoint(path)
    assert (read["on_policy_hours"], read["labelled"]) == (2.0, [{"stage": 1, "has_choice": 3}])
    assert "own_hours" not in read


@pytest.mark.parametrize("labelled", [[{"stage": 1}], [1], 1])
def test_a_damaged_checkpoint_of_an_earlier_version_is_one_line(tmp_path, labelled):
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        read_checkpoint(of_format(tmp_path / "a.pt", 1, labelled=labelled))


@pytest.mark.parametrize("number", [0, 3, None])
def test_a_checkpoint_of_another_format_is_refused(tmp_path, number):
    with pytest.raises(TrainingError, match="not a checkpoint of format 2"):
        read_checkpoint(of_format(tmp_path / "a.pt", number))
