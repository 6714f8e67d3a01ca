from pathlib import Path

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.observation import (
    BLOCKS,
    PERSONS,
    WAIT,
    Encoder,
    ObservationBlock,
    decode,
    observation_spec,
)
from leed_traffic.domain.safety.envelope import Permission, Reason
from leed_traffic.domain.safety.signal_state import SignalState
from tests.intersections import flat_timing, four_legs, t_junction

T, X = t_junction("T"), four_legs("X")
TIMINGS = [flat_timing(3, name="T"), flat_timing(4, name="X", max_red_s=200.0)]


def readings(**changes):
    """5 lanes and movements of T, then 8 of X; every value differs."""
    parts = {
        "queue_veh": np.arange(13) / 2.0,
        "count_veh": np.arange(13) / 1.0,
        "exit_count_veh": np.zeros(13),
        "exit_fill": np.arange(13) / 20.0,
    }
    return Readings(**(parts | changes), lane_starts=(0, 5, 13), movement_starts=(0, 5, 13))


STATES = [
    SignalState(stage=2, is_clearing=False, green_s=30.0, wait_s=(60.0, 12.0, 0.0)),
    SignalState(stage=1, is_clearing=True, green_s=0.0, wait_s=(0.0, 500.0, 20.0, 2.0)),
]
PERMISSIONS = [
    Permission(legal=(True, False, True), otherwise=2, reason=Reason.GRANTED),
    Permission(legal=(False, True, False, False), otherwise=1, reason=Reason.CLEARING),
]


def encode(seen=None):
    return Encoder([T, X], TIMINGS, reach_m=100.0).encode(
        readings() if seen is None else seen, STATES, PERMISSIONS
    )


def by_name(junction, row):
    spec = observation_spec(junction, decision_interval_s=5.0, reach_m=100.0)
    return dict(zip((entry.name for entry in spec.entries), row[: spec.size].tolist(), strict=True))


def expected(junction, timing, state, permission, seen):
    """The blocks of observation.py, entry by entry. 100 m of reach hold 80 m + half of 20 m: 12 vehicles."""
    values = {}
    for k, ln in enumerate(junction.lanes):
        values[f"queue {ln.id}"] = seen.queue_veh[k] / 12.0
        values[f"count {ln.id}"] = seen.count_veh[k] / 12.0
    for s, stage in enumerate(junction.stages):
        served = [k for k, m in enumerate(junction.vehicle_movements) if stage.state[m.link] in "Gg"]
        values[f"exit fill of stage {s}"] = float(np.mean([seen.exit_fill[k] for k in served]))
        values[f"stage {s} shown"] = float(s == state.stage)
        values[f"stage {s} may be asked for"] = float(permission.legal[s])
        values[f"wait for stage {s}"] = min(2.0, state.wait_s[s] / timing.max_red_s)
    return values | {"clearing": float(state.is_clearing), "time since green": state.green_s / 60.0}


@pytest.mark.parametrize("n", [0, 1])
def test_the_table_is_the_vector_entry_by_entry(n):
    junction = (T, X)[n]
    values = by_name(junction, encode()[n])
    wanted = expected(junction, TIMINGS[n], STATES[n], PERMISSIONS[n], readings().of(n))
    assert values == pytest.approx(wanted, abs=1e-6)


def test_the_order_is_lanes_then_stages_then_clock_then_permissions_then_waits():
    names = [entry.name for entry in observation_spec(T, decision_interval_s=5.0).entries]
    assert names[:2] == ["queue in0_0", "queue in1_0"]
    assert names[5] == "count in0_0"
    assert names[10:13] == [f"exit fill of stage {s}" for s in range(3)]
    assert names[13:18] == ["stage 0 shown", "stage 1 shown", "stage 2 shown", "clearing", "time since green"]
    assert names[18:] == [f"stage {s} may be asked for" for s in range(3)] + [
        f"wait for stage {s}" for s in range(3)
    ]


def test_the_docs_show_the_table_of_blocks():
    page = Path(__file__).parents[2] / "docs" / "contracts.md"
    rows = [f"| {b.per} | `{b.name}` | {b.meaning} | {b.unit} | {b.low:g} | {b.high:g} |" for b in BLOCKS]
    table = "\n".join(["| entries | name | meaning | unit | min | max |", "|---|---|---|---|---|---|", *rows])
    assert f"\n\n{table}\n\n" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_is_decoded_under_the_names_that_the_spec_gives_it(n, block: ObservationBlock):
    junction = (T, X)[n]
    encoder = Encoder([T, X], TIMINGS, counts_persons=True)
    row = encoder.encode(readings(), STATES, PERMISSIONS, np.arange(4.0))[n]
    entries = observation_spec(junction, decision_interval_s=5.0, counts_persons=True).entries
    names = [entry.name for entry in block.entries(junction)]
    wanted = [value for entry, value in zip(entries, row, strict=False) if entry.name in names]
    assert decode(row, junction, block, counts_persons=True).tolist() == wanted
    assert decode(np.stack([row, row]), junction, block, counts_persons=True).shape == (2, len(names))


def test_a_block_that_the_observation_lacks_is_not_decoded():
    with pytest.raises(ValueError, match="not in tuple"):
        decode(encode()[0], T, PERSONS)


def test_what_is_not_a_number_stays_so_where_no_detector_may_be_dead():
    states = [SignalState(stage=2, is_clearing=False, green_s=30.0, wait_s=(60.0, np.nan, 0.0)), STATES[1]]
    row = Encoder([T, X], TIMINGS).encode(readings(), states, PERMISSIONS)[0]
    assert np.isnan(decode(row, T, WAIT)).tolist() == [False, True, False]


def test_rows_are_padded_with_zeros_beyond_their_own_size():
    encoder = Encoder([T, X], TIMINGS)
    assert encoder.sizes == (24, 34)
    assert encoder.shape == (2, 34)
    assert encoder.n_stages == (3, 4)
    row = encode()
    assert row.dtype == np.float32
    assert not row[0, 24:].any()


def test_an_intersection_alone_is_encoded_as_among_others():
    full = readings()
    alone = Readings(
        queue_veh=full.queue_veh[5:], count_veh=full.count_veh[5:], exit_count_veh=full.exit_count_veh[5:],
        exit_fill=full.exit_fill[5:], lane_starts=(0, 8), movement_starts=(0, 8),
    )  # fmt: skip
    row = Encoder([X], TIMINGS[1:], reach_m=100.0).encode(alone, STATES[1:], PERMISSIONS[1:])[0]
    np.testing.assert_array_equal(row, encode()[1])


def test_a_dead_detector_is_minus_one_and_a_dead_exit_is_free():
    queue, count, fill = np.ones(13), np.ones(13), np.zeros(13)
    queue[0] = count[0] = np.nan
    fill[2] = np.nan
    values = by_name(T, encode(readings(queue_veh=queue, count_veh=count, exit_fill=fill))[0])
    assert (values["queue in0_0"], values["count in0_0"]) == (-1.0, -1.0)
    assert values["queue in1_0"] > 0.0
    assert values["exit fill of stage 0"] == 0.0


def test_every_value_stays_within_its_written_bounds():
    huge = readings(queue_veh=np.full(13, 999.0), count_veh=np.full(13, np.nan), exit_fill=np.ones(13))
    for n, junction in enumerate((T, X)):
        spec = observation_spec(junction, decision_interval_s=5.0)
        row = encode(huge)[n, : spec.size]
        assert all(entry.low <= value <= entry.high for entry, value in zip(spec.entries, row, strict=True))


def test_a_spec_s_digest_changes_with_reach_interval_and_intersection():
    digests = {
        observation_spec(T, decision_interval_s=5.0).digest(),
        observation_spec(T, decision_interval_s=10.0).digest(),
        observation_spec(T, decision_interval_s=5.0, reach_m=50.0).digest(),
        observation_spec(X, decision_interval_s=5.0).digest(),
    }
    assert len(digests) == 4
    assert observation_spec(T, decision_interval_s=5.0).digest() in digests


def test_persons_at_crossings_are_entries_of_their_own_where_the_site_counts_them():
    bare = observation_spec(X, decision_interval_s=5.0)
    walked = observation_spec(X, decision_interval_s=5.0, counts_persons=True)
    assert walked.entries[: bare.size] == bare.entries
    assert [e.name for e in walked.entries[bare.size :]] == [f"persons at crossing {k}" for k in (8, 9, 10, 11)]
    without_crossings = [
        observation_spec(T, decision_interval_s=5.0, counts_persons=counts) for counts in (False, True)
    ]
    assert without_crossings[0].digest() == without_crossings[1].digest()


@pytest.mark.parametrize(
    ("persons", "expected"),
    [([0.0, 5.0, 20.0, 30.0], [0.0, 0.5, 2.0, 2.0]), ([np.nan] * 4, [-1.0] * 4), (None, [-1.0] * 4)],
)
def test_persons_are_scaled_and_capped_and_minus_one_where_nobody_counts_them(persons, expected):
    encoder = Encoder([T, X], TIMINGS, counts_persons=True)
    told = None if persons is None else np.array(persons)
    row = encoder.encode(readings(), STATES, PERMISSIONS, told)
    assert row[1, encoder.sizes[1] - 4 :].tolist() == expected
    assert row[0, : encoder.sizes[0]].tolist() == encode()[0, : encoder.sizes[0]].tolist()
