import json
import os
import random
from dataclasses import replace

import pytest

from leed_traffic.artifacts.bundle import check_bundle_fits, read_bundle
from leed_traffic.artifacts.sealed_folder import write_sealed
from leed_traffic.artifacts.site import make_site
from leed_traffic.artifacts.whole_file import former_name, safe_name
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.road_users import Weights
from leed_traffic.errors import BundleError, MismatchError
from tests.artifacts.sample_bundle import NETWORK, SITE, SIZES, linear_policy, write_sample
from tests.intersections import flat_timing, four_legs, star


def files_of(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def reseal(path, **changes):
    """Alter files and seal the folder again: what the digests alone cannot tell."""
    files = files_of(path)
    del files["SHA256SUMS"]
    write_sealed(path, {**files, **{name.replace("__", "."): content for name, content in changes.items()}})


def test_a_bundle_reads_back_as_it_was_written(tmp_path):
    written = write_sample(tmp_path / "b")
    bundle = read_bundle(tmp_path / "b")
    assert bundle == written
    assert bundle.network == NETWORK
    assert bundle.site == SITE
    assert [spec.size for spec in bundle.specs] == [len(e.observation) for e in bundle.manifest.intersections]


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    write_sample(tmp_path / "one")
    write_sample(tmp_path / "two")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.parametrize("seed", range(40))
def test_a_single_flipped_bit_anywhere_is_refused(tmp_path, seed):
    write_sample(tmp_path / "b")
    rng = random.Random(seed)
    path = rng.choice(sorted(p for p in (tmp_path / "b").rglob("*") if p.is_file()))
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(tmp_path / "b")


def test_two_ids_with_the_same_harmless_words_keep_their_own_policies(tmp_path):
    first, second = "A B", former_name("A B")
    ids = (first, second, "a_b", safe_name(first), "A_B")
    network = Network(intersections=tuple(star(2, id_) for id_ in ids))
    site = make_site("test", [flat_timing(2, name=id_) for id_ in ids])
    policies = {id_: linear_policy(SIZES[0], 2, seed=k) for k, id_ in enumerate(ids)}
    bundle = write_sample(tmp_path / "b", network, site, policies)
    assert [policy.onnx for policy in bundle.policies] == [policies[id_].onnx for id_ in ids]
    assert len({entry.folder.casefold() for entry in bundle.manifest.intersections}) == len(ids)


def test_intersections_that_share_a_folder_are_refused(tmp_path):
    write_sample(tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    manifest["intersections"][1]["folder"] = manifest["intersections"][0]["folder"]
    reseal(tmp_path / "b", manifest__json=json.dumps(manifest).encode())
    with pytest.raises(BundleError, match="2 intersections share the folder a;"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_what_is_no_bundle_is_refused_in_one_line(tmp_path, make):
    make(tmp_path / "b")
    with pytest.raises(BundleError) as caught:
        read_bundle(tmp_path / "b")
    assert "\n" not in str(caught.value)


def manifest_of(path, **changes):
    manifest = json.loads((path / "manifest.json").read_text())
    return json.dumps(manifest | changes).encode()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format_version": 2}, "bundle format 2, this program reads 1"),
        ({"surprise": 1}, "surprise"),
        ({"decision_interval_s": -5}, "decision_interval_s"),
        ({"decision_interval_s": 6.0}, "trained on an observation"),
        ({"network_digest": "0"}, "not the network"),
        ({"site_digest": "0"}, "not the site"),
        ({"intersections": []}, "intersections"),
    ],
)
def test_a_manifest_that_contradicts_the_rest_is_refused_though_sealed(tmp_path, changes, complaint):
    write_sample(tmp_path / "b")
    reseal(tmp_path / "b", manifest__json=manifest_of(tmp_path / "b", **changes))
    with pytest.raises(BundleError, match=complaint):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["manifest__json", "network__json", "site__json"])
@pytest.mark.parametrize("content", [b"[" * 5000, b"[" + b"[]," * 5000 + b"1]", b'{"a":[' + b"1," * 5000 + b"1]}"])
def test_a_document_of_nothing_but_brackets_is_refused_before_it_is_read(tmp_path, monkeypatch, name, content):
    write_sample(tmp_path / "b")
    reseal(tmp_path / "b", **{name: content})
    monkeypatch.setattr(
        "leed_traffic.artifacts.bundle.from_json", lambda read: pytest.fail("read") if read == content else []
    )
    with pytest.raises(BundleError, match=r"entries are no document of ours|maximum recursion|recursion limit"):
        read_bundle(tmp_path / "b")


def test_an_intersection_of_too_many_entries_is_refused_before_it_is_checked(tmp_path, monkeypatch):
    write_sample(tmp_path / "b")
    network = json.loads((tmp_path / "b" / "network.json").read_text())
    network[1]["lanes"] = ["not a lane, whatever it says"] * 60_000
    reseal(tmp_path / "b", network__json=json.dumps(network).encode())
    with pytest.raises(BundleError, match=r"network\.json: an intersection of over 50000 entries"):
        read_bundle(tmp_path / "b")


def test_the_first_fault_of_a_document_is_named_and_no_other_looked_for(tmp_path):
    write_sample(tmp_path / "b")
    reseal(tmp_path / "b", network__json=b'["one      ", "two      "]')
    with pytest.raises(BundleError, match=r"b: network\.json: 0: Input should be a dictionary"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("name", ["manifest__json", "network__json", "site__json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b"\xff\xfe"])
def test_a_broken_document_is_refused_though_sealed(tmp_path, name, content):
    write_sample(tmp_path / "b")
    reseal(tmp_path / "b", **{name: content})
    with pytest.raises(BundleError):
        read_bundle(tmp_path / "b")


def test_a_bundle_fits_where_it_was_trained_and_where_there_are_more_signals(tmp_path):
    bundle = write_sample(tmp_path / "b")
    check_bundle_fits(bundle, NETWORK, SITE, 5.0)
    more = Network(intersections=(star(4, "Z"), *NETWORK.intersections))
    check_bundle_fits(bundle, more, make_site("other name", [flat_timing(4, name="Z"), *SITE.timings]))


@pytest.mark.parametrize(
    ("intersections", "timings", "interval_s", "complaint"),
    [
        (
            NETWORK.intersections[1:],
            SITE.timings[1:],
            5.0,
            "made for intersection A, which this network does not have",
        ),
        (
            (star(3, "A"), NETWORK.intersections[1]),
            SITE.timings,
            5.0,
            "made for 2 incoming lanes, intersection A has 3: lane in2_0 is new",
        ),
        (NETWORK.intersections, SITE.timings, 10.0, "a decision every 5 s, asked to run every 10 s"),
        (NETWORK.intersections, SITE.timings[1:], 5.0, "no limits for it"),
    ],
)
def test_a_bundle_for_another_place_is_refused_with_the_difference(
    tmp_path, intersections, timings, interval_s, complaint
):
    bundle = write_sample(tmp_path / "b")
    with pytest.raises(MismatchError, match=complaint):
        check_bundle_fits(bundle, Network(intersections=tuple(intersections)), make_site("s", timings), interval_s)


def test_other_limits_stages_or_lanes_are_named(tmp_path):
    bundle = write_sample(tmp_path / "b")
    first, second = NETWORK.intersections
    slower = make_site(
        "slow", [replace(SITE.timings[0], min_green_s=(9.0, 9.0), fallback_green_s=(9.0, 9.0)), SITE.timings[1]]
    )
    with pytest.raises(MismatchError, match=r"b/A: trained with min_green_s of stage 0 7\.0, the site has 9\.0"):
        check_bundle_fits(bundle, NETWORK, slower, 5.0)
    turned = replace(first, stages=(replace(first.stages[0], state="Gs"), first.stages[1]))
    with pytest.raises(MismatchError, match="made for stage 0 = Gr, intersection A has Gs"):
        check_bundle_fits(bundle, Network(intersections=(turned, second)), SITE, 5.0)


def test_a_bundle_says_who_counted_how_much_and_runs_only_where_persons_are_seen_as_in_training(tmp_path):
    junction = four_legs("X")
    network = Network(intersections=(junction,))
    timings = [flat_timing(4, name="X", max_red_s=200.0)]
    walked = make_site("walked", timings, weights=Weights(classes=(("bus", 10.0),), persons=1.0))
    size = observation_spec(junction, decision_interval_s=5.0, counts_persons=True).size
    bundle = write_sample(tmp_path / "b", network, walked, {"X": linear_policy(size, 4)})
    assert bundle.manifest.weights == bundle.site.weights == walked.weights
    assert [entry.name for entry in bundle.specs[0].entries[-4:]] == [
        f"persons at crossing {k}" for k in (8, 9, 10, 11)
    ]
    check_bundle_fits(bundle, network, walked)
    with pytest.raises(MismatchError, match="trained to see persons at crossings"):
        check_bundle_fits(bundle, network, make_site("bare", timings))


def test_an_older_bundle_comes_back_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    older = write_sample(tmp_path / "b")

    def refused(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refused)
        with pytest.raises(BundleError, match="b: cannot be written: No space left on device"):
            write_sealed(tmp_path / "b", {"manifest.json": b"{}"})
    assert read_bundle(tmp_path / "b").digest == older.digest
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
