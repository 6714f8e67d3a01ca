import pytest

from leed_traffic.errors import UsageError
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.generate.run import generate


def config_for(short, out, **language):
    settings = ModelConfig(**({"model": "tiny", "rounds": 2, "candidates": 2, "start_s": 5.0} | language))
    return GenerateConfig(scenario=short, out=out, author=AuthorName.VLLM, seeds=(1,), language=settings)


def test_without_vllm_a_model_in_process_is_refused_with_the_way_to_get_it(short, tmp_path):
    with pytest.raises(UsageError, match="not installed here"):
        generate(config_for(short, tmp_path / "d"))
