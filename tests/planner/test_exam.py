import numpy as np
import pytest

from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.planner.exam import (
    AFTER,
    ALONE,
    BEST_START,
    CHANCE_ALONE,
    FALLBACK,
    ExamConfig,
    ExamResult,
    Sitting,
    examine,
)
from tests.generate.chat_server import ChatServer, willing


@pytest.mark.sumo
@pytest.mark.slow
def test_an_exam_measures_a_served_model_beside_the_embedded_plans_and_asks_nothing_twice(tmp_path):
    with ChatServer(willing) as server:
        language = ModelConfig(urls=(server.url,), model="tiny", rounds=2, candidates=1)
        result = examine(ExamConfig(out=tmp_path, language=language, junctions=1, seed=4))
        n_asked = len(server.requests)
        assert (
            examine(ExamConfig(out=tmp_path, language=language, junctions=1, seed=4)).sittings == result.sittings
        )
        assert len(server.requests) == n_asked == 2
    assert (result.asked, result.valid) == (2, 2)
    (sitting,) = result.sittings
    assert {FALLBACK, BEST_START, ALONE, CHANCE_ALONE, AFTER.format(1), AFTER.format(2)} <= set(sitting.delay_s)
    assert [len(part) for part in sitting.proposed_s] == [len(part) for part in sitting.random_s] == [1, 1]
    assert ExamResult.model_validate_json((tmp_path / "exam.json").read_bytes()) == result


def test_a_win_is_more_than_one_percent():
    sittings = tuple(
        Sitting(
            junction=f"j{k}",
            delay_s={BEST_START: 100.0, "model": delay_s},
            proposed_s=((50.0,),),
            random_s=((100.0,),),
            start_s=100.0,
            forms=(),
        )
        for k, delay_s in enumerate((98.9, 99.0, 99.5, 120.0))
    )
    result = ExamResult(
        model="m", seeds=(21,), asked=4, valid_at_once=4, valid=4, reply_tokens=1, model_s=1.0, sittings=sittings
    )
    assert result.wins(BEST_START) == {BEST_START: 0, "model": 1}
    assert result.mean_delay_s() == {BEST_START: 100.0, "model": 104.35}
    assert result.compared("model", BEST_START).mean == pytest.approx(np.log([0.989, 0.99, 0.995, 1.2]).mean())
    assert result.proposals_compared(0).mean == pytest.approx(np.log(0.5))
