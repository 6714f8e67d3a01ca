import json

import pytest
from typer.testing import CliRunner

from leed_traffic.cli.bundle import app
from leed_traffic.errors import BundleError
from tests.artifacts.sample_bundle import write_sample


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_inspect_shows_what_a_bundle_was_trained_for(tmp_path):
    bundle = write_sample(tmp_path / "b")
    document = json.loads(run("inspect", tmp_path / "b", "--json").stdout)
    assert (document["digest"], document["scenario"]) == (bundle.digest, "sample")
    assert "webster" in run("inspect", tmp_path / "b").stdout


def test_an_altered_bundle_is_refused(tmp_path):
    write_sample(tmp_path / "b")
    (tmp_path / "b" / "site.json").write_text("[]")
    with pytest.raises(BundleError, match=r"altered site\.json"):
        run("verify", tmp_path / "b")
