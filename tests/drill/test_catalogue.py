"""`make test` holds a short version of every row of the catalogue."""

from pathlib import Path

import pytest

from leed_traffic.cli.drill import drill_command
from leed_traffic.drill.catalogue import CATALOGUE

ROOT = Path(__file__).parent
SHORT = {
    "states": ("exercises/test_oracle_runs.py", "test_all_states_of_the_crossing_are_sound"),
    "monitor": ("exercises/test_displays.py", "test_every_cut_clearance_trips_the_monitor"),
    "latch": ("exercises/test_budget.py", "test_a_latch_survives"),
    "descriptors": ("exercises/test_descriptors.py", "test_readers_get_few_descriptors_and_a_trip_needs_none"),
    "silence": ("exercises/test_silence.py", "test_a_frozen_or_killed_controller_leaves_a_signal_that_walks_on"),
    "network": (
        "exercises/test_network_faults.py",
        "test_whatever_the_network_does_serving_ends_in_time_and_in_one_line",
    ),
    "restart": ("exercises/test_restarts.py", "test_a_lost_simulator_is_regained"),
    "waits": (
        "exercises/test_reconnections.py",
        "test_nobody_waits_beyond_the_maximum_red_though_connection_and_process_are_lost",
    ),
    "unheard": ("exercises/test_unheard.py", "test_what_nobody_hears_ends_nothing"),
    "hand-back": ("exercises/test_restarts.py", "test_a_stop_at_some_ticks_hands_back"),
    "gateway cuts": ("exercises/test_cuts.py", "test_whatever_message_is_cut_nothing_unsafe_is_shown"),
    "second owner": ("exercises/test_second_owner.py", "test_a_second_owner_is_refused_or_waits"),
    "bundles": ("exercises/test_bundle_fuzz.py", "test_damaged_bundles_are_refused_or_decide_as_before"),
    "costly-bundle": (
        "exercises/test_costly_bundles.py",
        "test_costly_bundles_are_refused_and_a_check_that_pays_for_them_is_found_out",
    ),
    "sensing": ("exercises/test_sensors.py", "test_a_missing_lane_on_a_street_degrades_its_junction_alone"),
    "starvation": (
        "exercises/test_starvation.py",
        "test_nobody_waits_beyond_the_maximum_red_though_a_stage_is_held",
    ),
    "budget": ("exercises/test_budget.py", "test_what_a_tick_costs_is_told_and_judged"),
    "events": ("exercises/test_event_log.py", "test_the_event_log_tells_what_sumo_wrote_down"),
    "reload": ("exercises/test_swaps.py", "test_swaps_leave_nothing_behind_and_what_would_grow_is_found_out"),
    "demotion": (
        "exercises/test_swaps.py",
        "test_bad_bundles_are_demoted_and_a_controller_that_keeps_them_is_found_out",
    ),
    "replay": ("exercises/test_replays.py", "test_recorded_runs_are_decided_again"),
    "beside": ("exercises/test_beside.py", "test_what_becomes_of_one_controller_is_no_danger_to_the_other"),
    "pace": ("exercises/test_budget.py", "test_a_pace_without_a_schedule_made_anew_is_found_out"),
    "oracle": ("exercises/test_oracle_runs.py", "test_the_outside_oracle_tells_an_unsafe_controller_from_ours"),
}


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE])
def test_every_row_has_a_short_version_here(name):
    assert name in SHORT, f"write a short version of the drill's row {name} and name it here"
    file, test = SHORT[name]
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_no_short_version_is_of_a_row_that_is_gone():
    assert set(SHORT) == {entry.name for entry in CATALOGUE}


def test_the_command_s_help_names_every_row():
    said = " ".join((drill_command.__doc__ or "").split())
    assert f"Rows: {', '.join(entry.name for entry in CATALOGUE)}." in said
