import pytest

from leed_traffic.evaluate.controllers import parse_controllers

pytest.importorskip("libsumo", reason="SUMO is not installed")
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from tests.networks.oddities import ODDITIES


@pytest.mark.sumo
def test_an_evaluation_says_which_signals_nobody_drives_and_why(tmp_path):
    config = EvaluateConfig(
        scenario=str(ODDITIES["one_stage_beside_another"](tmp_path)),
        controllers=parse_controllers("max-wave"),
        seeds=(1001,),
        workers=0,
        horizon_s=60.0,
    )
    assert compare(config).evaluation.left_alone == {"E": "has only one stage"}
