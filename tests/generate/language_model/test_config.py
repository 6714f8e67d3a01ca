import pytest

from leed_traffic.errors import UsageError
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.generate.run import generate


def config_for(short, out, **language):
    settings = ModelConfig(**({"model": "tiny", "rounds": 2, "candidates": 2, "start_s": 5.0} | language))
    return GenerateConfig(scenario=short, out=out, author=AuthorName.VLLM, seeds=(1,), language=settings)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ({"model": None}, "name the model: --url"),
        ({"urls": ("gpu:8000",)}, "--url gpu:8000: expected an address as http://HOST:8000/v1"),
        ({"urls": ("http://h/v1",), "replay": "t.jsonl"}, "--replay asks no server"),
    ],
)
def test_settings_that_name_no_model_are_one_line(tmp_path, language, words):
    with pytest.raises(UsageError, match=words):
        generate(config_for("crossing", tmp_path, **language))
