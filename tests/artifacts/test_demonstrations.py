import hashlib
import io
import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leed_traffic.artifacts.demonstrations import (
    DemonstrationManifest,
    Demonstrations,
    digest_plans,
    read_demonstrations,
    write_demonstrations,
)
from leed_traffic.domain.plan import max_pressure_plan, max_wave_plan
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import DemonstrationError


def manifest(seeds=(1, 2)):
    return DemonstrationManifest(
        author="search", scenario="crossing", network_digest="n", site_name="derived", site_digest="s",
        decision_interval_s=5.0, reach_m=100.0, reward="time-loss", seeds=seeds, sumo_version="1.28.0", leed_version="0.1.0",
        baseline_delay_s=60.0, delay_s=30.0, demonstrated_delay_s=31.0, simulated_hours=40.0,
    )  # fmt: skip


def trajectory(name, seed, n_steps=5, size=4, n_stages=3):
    rng = np.random.default_rng(seed)
    return Trajectory(
        intersection=name, seed=seed, observation=rng.random((n_steps, size)).astype(np.float32),
        stage=np.arange(n_steps) % n_stages, reward=-rng.random(n_steps), legal=np.ones((n_steps, n_stages), dtype=bool),
    )  # fmt: skip


def demonstrations():
    trajectories = tuple(
        trajectory(name, seed, size=size) for name, size in (("A", 4), ("B", 6)) for seed in (1, 2)
    )
    plans = {"B": max_wave_plan("B"), "A": max_pressure_plan("A")}
    return Demonstrations(manifest=manifest(), plans=plans, trajectories=trajectories)


@pytest.fixture
def folder(tmp_path):
    write_demonstrations(tmp_path / "d", demonstrations())
    return tmp_path / "d"


def test_what_is_written_is_read_back(folder):
    read, written = read_demonstrations(folder), demonstrations()
    assert read.plans == written.plans
    assert [(t.intersection, t.seed) for t in read.trajectories] == [("A", 1), ("A", 2), ("B", 1), ("B", 2)]
    for found, expected in zip(read.trajectories, written.trajectories, strict=True):
        for name in ("observation", "stage", "reward", "legal"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_the_same_demonstrations_have_the_same_bytes(folder, tmp_path):
    write_demonstrations(tmp_path / "again", demonstrations())
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
    assert sorted(file.name for file in folder.iterdir()) == [
        "manifest.json",
        "plans.json",
        "trajectories.parquet",
    ]


def test_the_digest_of_plans_does_not_depend_on_their_order():
    a, b = max_wave_plan("A"), max_wave_plan("B")
    assert digest_plans({"A": a, "B": b}) == digest_plans({"B": b, "A": a})
    assert digest_plans({"A": a}) != digest_plans({"A": max_pressure_plan("A")})


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DemonstrationError, match="no such folder"):
        read_demonstrations(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["manifest.json", "plans.json", "trajectories.parquet"])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(DemonstrationError, match=name):
        read_demonstrations(folder)


@pytest.mark.parametrize("name", ["plans.json", "trajectories.parquet"])
def test_an_altered_file_is_refused(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(DemonstrationError, match=f"{name}: altered"):
        read_demonstrations(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2, this version reads 1"),
        ({"colour": "red"}, "colour"),
        ({"reach_m": -1.0}, "reach_m"),
        ({"seeds": [1, 2, 3]}, "one trajectory per plan and seed"),
    ],
)
def test_a_manifest_that_says_something_impossible_is_refused(folder, change, words):
    stated = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(stated | change))
    with pytest.raises(DemonstrationError, match=words) as raised:
        read_demonstrations(folder)
    assert "\n" not in str(raised.value)


def test_a_manifest_that_is_no_json_is_refused(folder):
    (folder / "manifest.json").write_bytes(b"\xff{")
    with pytest.raises(DemonstrationError, match="not JSON"):
        read_demonstrations(folder)


def test_a_table_with_other_columns_is_refused(folder):
    reseal(folder, pa.table({"intersection": ["A"], "seed": [1]}))
    with pytest.raises(DemonstrationError, match="needs columns intersection, seed, step"):
        read_demonstrations(folder)


def test_a_table_with_a_gap_is_refused(folder):
    table = pq.read_table(folder / "trajectories.parquet")
    reseal(folder, pa.concat_tables([table.slice(0, 2), table.slice(3)]))
    with pytest.raises(DemonstrationError, match="consecutive"):
        read_demonstrations(folder)


def reseal(folder, table):
    """Put another table there, with a digest that fits."""
    pq.write_table(table, folder / "trajectories.parquet")
    stated = json.loads((folder / "manifest.json").read_text())
    stated["files"]["trajectories.parquet"] = hashlib.sha256(
        (folder / "trajectories.parquet").read_bytes()
    ).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(stated))


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DemonstrationError, match="cannot be written"):
        write_demonstrations(tmp_path / "file" / "d", demonstrations())


def test_a_plan_for_another_intersection_is_refused():
    with pytest.raises(ValueError, match="was written for A"):
        Demonstrations(
            manifest=manifest((1,)), plans={"B": max_wave_plan("A")}, trajectories=(trajectory("B", 1),)
        )


def put(folder, content):
    """Any bytes as the table, sealed."""
    (folder / "trajectories.parquet").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["trajectories.parquet"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refusals(folder):
    """What reading says of a folder: one line, or none where it reads."""
    try:
        read_demonstrations(folder)
    except DemonstrationError as err:
        return [str(err)]
    return []


def test_a_damaged_table_is_one_line_that_says_so_wherever_the_damage_is(folder):
    sound, rng = (folder / "trajectories.parquet").read_bytes(), random.Random(3)
    said = []
    for _ in range(200):
        content = bytearray(sound)
        content[rng.randrange(len(content))] = rng.randrange(256)
        put(folder, bytes(content[: rng.choice((len(content), rng.randrange(len(content))))]))
        said += refusals(folder)
    assert len(said) > 150
    assert not any("\n" in line or "space" in line for line in said)


def test_sixteen_bytes_that_are_wrong_are_told_as_damage_and_not_as_a_full_disk(folder):
    """Arrow refuses some of it with an OSError, as if the disk had; what it takes is a sound table of other figures."""
    sound = (folder / "trajectories.parquet").read_bytes()
    said = []
    for at in range(0, len(sound), 37):
        put(folder, sound[:at] + b"\xff" * 16 + sound[at + 16 :])
        said += refusals(folder)
    assert said
    assert not any("\n" in line or "space" in line for line in said)


@pytest.mark.parametrize(("n_steps", "size"), [(6000, 30), (10, 20_000)])
def test_a_small_table_that_holds_much_is_refused_before_it_is_unpacked(folder, monkeypatch, n_steps, size):
    place = pa.array(np.zeros(n_steps, dtype=np.int64))
    observation = pa.ListArray.from_arrays(
        pa.array([0, size], pa.int32()), pa.array(np.zeros(size, dtype=np.float32))
    )
    table = pa.table(
        {
            "intersection": pa.array(["A"]).take(place),
            "seed": place,
            "step": pa.array(np.arange(n_steps), pa.int32()),
            "observation": observation.take(place),
            "stage": pa.array(np.zeros(n_steps), pa.int16()),
            "reward": pa.array(np.zeros(n_steps)),
            "legal": pa.array([[True, True]]).take(place),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    put(folder, sink.getvalue())
    monkeypatch.setattr("leed_traffic.artifacts.demonstrations.SMALL_VALUES", 100_000)
    monkeypatch.setattr("leed_traffic.artifacts.demonstrations.VALUES_PER_BYTE", 2)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda self: pytest.fail("it was unpacked"))
    with pytest.raises(DemonstrationError, match="bytes and says to hold"):
        read_demonstrations(folder)


def test_a_manifest_nested_without_end_is_refused(folder):
    (folder / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(DemonstrationError, match="not JSON"):
        read_demonstrations(folder)
