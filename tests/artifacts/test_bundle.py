import json
import os
import random
import shutil
import subprocess
from dataclasses import replace

import pytest

from leed_traffic.artifacts.bundle import check_bundle_fits, read_bundle
from leed_traffic.artifacts.sealed_folder import write_sealed
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.road_users import Weights
from leed_traffic.errors import BundleError, MismatchError
from tests.artifacts.sample_bundle import NETWORK, SITE, linear_policy, write_sample
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


def test_the_standard_tool_checks_the_sums(tmp_path):
    write_sample(tmp_path / "b")
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path / "b").returncode == 0
    with (tmp_path / "b" / "manifest.json").open("a") as manifest:
        manifest.write(" ")
    assert subprocess.run(check, cwd=tmp_path / "b", capture_output=True).returncode == 1


def test_nothing_is_left_beside_a_bundle_and_an_older_one_is_replaced(tmp_path):
    write_sample(tmp_path / "b")
    write_sample(tmp_path / "b", Network(intersections=NETWORK.intersections[:1]), make_site("test", SITE.timings[:1]))
    assert os.listdir(tmp_path) == ["b"]
    assert read_bundle(tmp_path / "b").ids == ("A",)


def test_what_is_no_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").write_text("mine")
    with pytest.raises(BundleError, match="is no bundle"):
        write_sample(tmp_path / "b")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="is no bundle"):
        write_sample(tmp_path / "link")


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


def test_missing_extra_and_altered_files_are_all_named(tmp_path):
    write_sample(tmp_path / "b")
    (tmp_path / "b" / "site.json").unlink()
    (tmp_path / "b" / "A" / "notes.txt").write_text("")
    (tmp_path / "b" / "A" / "policy.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"missing site.json, extra 'A/notes.txt', altered A/policy.onnx"):
        read_bundle(tmp_path / "b")


def test_links_are_refused(tmp_path):
    write_sample(tmp_path / "b")
    shutil.copy(tmp_path / "b" / "site.json", tmp_path / "site.json")
    (tmp_path / "b" / "site.json").unlink()
    (tmp_path / "b" / "site.json").symlink_to(tmp_path / "site.json")
    with pytest.raises(BundleError, match=r"'site.json' is a link"):
        read_bundle(tmp_path / "b")


@pytest.mark.parametrize("line", ["0" * 64 + "  ../secret", "0" * 64 + "  /etc/passwd", "nonsense", "F" * 64 + "  site.json"])
def test_a_line_of_sums_that_leaves_the_folder_is_refused(tmp_path, line):
    write_sample(tmp_path / "b")
    sums = tmp_path / "b" / "SHA256SUMS"
    sums.write_text(sums.read_text() + line + "\n")
    with pytest.raises(BundleError, match="no digest and plain file name"):
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
        (NETWORK.intersections[1:], SITE.timings[1:], 5.0, "made for intersection A, which this network does not have"),
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
def test_a_bundle_for_another_place_is_refused_with_the_difference(tmp_path, intersections, timings, interval_s, complaint):
    bundle = write_sample(tmp_path / "b")
    with pytest.raises(MismatchError, match=complaint):
        check_bundle_fits(bundle, Network(intersections=tuple(intersections)), make_site("s", timings), interval_s)


def test_other_limits_stages_or_lanes_are_named(tmp_path):
    bundle = write_sample(tmp_path / "b")
    first, second = NETWORK.intersections
    slower = make_site("slow", [replace(SITE.timings[0], min_green_s=(9.0, 9.0), fallback_green_s=(9.0, 9.0)), SITE.timings[1]])
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
    size = 2 * junction.n_lanes + 4 * junction.n_stages + 2 + 4
    bundle = write_sample(tmp_path / "b", network, walked, {"X": linear_policy(size, 4)})
    assert bundle.manifest.weights == bundle.site.weights == walked.weights
    assert [entry.name for entry in bundle.specs[0].entries[-4:]] == [f"persons at crossing {k}" for k in (8, 9, 10, 11)]
    check_bundle_fits(bundle, network, walked)
    with pytest.raises(MismatchError, match="trained to see persons at crossings"):
        check_bundle_fits(bundle, network, make_site("bare", timings))
