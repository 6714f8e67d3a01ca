"""A language model of a few layers with random weights, and a tokenizer trained on a text of ours: nothing is downloaded.

It writes nonsense; under constrained decoding the nonsense has the shape of a plan. Runs in the environment that
holds vLLM.

    .venv-vllm/bin/python tests/vllm/tiny_model.py OUT --corpus FILE
"""

import argparse
import os
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|pad|>", "<|bos|>", "<|eos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
VOCABULARY, CONTEXT, HIDDEN, LAYERS, HEADS = 2048, 8192, 64, 2, 2


def train_tokenizer(corpus):
    """Byte-level pairs (BPE), so that no text is out of vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|eos|>", pad_token="<|pad|>",
        clean_up_tokenization_spaces=False, model_max_length=CONTEXT,
    )  # fmt: skip
    fast.chat_template = TEMPLATE
    return fast


def build_model(tokenizer, seed):
    """Llama's architecture with random weights, spread far enough that replies depend on the prompt."""
    torch.manual_seed(seed)
    marks = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=(len(tokenizer) + 63) // 64 * 64, hidden_size=HIDDEN, intermediate_size=4 * HIDDEN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        initializer_range=0.1, **marks,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(torch.float32)
    stops = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")]
    model.generation_config = GenerationConfig(**(marks | {"eos_token_id": stops}))
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--corpus", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tokenizer = train_tokenizer(arguments.corpus.read_text().split("\n\n"))
    model = build_model(tokenizer, arguments.seed)
    model.save_pretrained(arguments.out, safe_serialization=True)
    tokenizer.save_pretrained(arguments.out)
    print(f"{arguments.out}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()
