"""Continuations of prompts: batched, cached, and the same for the same seed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedTokenizerBase

from .adapt import AnyModel
from .exceptions import DivergenceError, ModelError
from .packing import boundaries, encode
from .progress import track
from .study import Decoding, GenerationSpec

REPLACEMENT = "\ufffd"
BATCH_SIZE = 32
COLUMNS = ("prompt", "decoding", "sample", "continuation", "new_tokens", "ended", "broken_characters")


def generate(
    model: AnyModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    spec: GenerationSpec,
    *,
    batch_size: int = BATCH_SIZE,
) -> pd.DataFrame:
    """Continue each prompt as if it opened a document, in each of ``spec.decodings`` and for each of their samples.

    Temperature and nucleus sampling (Holtzman et al., 2020) are the only changes made to the model's distribution;
    all that a checkpoint's own generation settings ask for is left out, so that models stay comparable.
    Neither the tokenizer, the model's mode nor PyTorch's random state is changed. The same seed and batch size give the
    same text on the same machine.

    Returns:
        One row for each decoding, prompt and sample: prompt, decoding (its name), sample (from 0), continuation,
        new_tokens (without the end token), ended (the model closed the document), broken_characters (as
        :func:`count_broken` counts them).

    Raises:
        ModelError: the model's context has no room for ``spec.max_new_tokens`` tokens.
        DivergenceError: the model's logits are not finite.
    """
    stops, room = _stop_ids(tokenizer), _prompt_room(model, spec.max_new_tokens)
    rows = []
    for decoding in spec.decodings:
        config = _generation_config(spec, decoding, stops)
        asked = [(prompt, sample) for prompt in prompts for sample in range(decoding.samples)]
        with _inference(model, spec.seed):
            for batch in track(_batches(asked, batch_size), f"generating, {decoding.name}", unit="batch"):
                ids = [_prompt_ids(tokenizer, prompt, room) for prompt, _ in batch]
                for (prompt, sample), before, new in zip(batch, ids, _continue(model, ids, config), strict=True):
                    place = {"prompt": prompt, "decoding": decoding.name, "sample": sample}
                    rows.append(place | _described(tokenizer, before, new, stops))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def throughput(  # noqa: PLR0913
    model: AnyModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    new_tokens: int,
    batch_sizes: Sequence[int],
    *,
    rounds: int = 3,
) -> pd.DataFrame:
    """New tokens a second at each batch size: the :func:`speed_table` of :func:`throughput_rounds`."""
    return speed_table(throughput_rounds(model, tokenizer, prompts, new_tokens, batch_sizes, rounds=rounds))


def throughput_rounds(  # noqa: PLR0913
    model: AnyModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    new_tokens: int,
    batch_sizes: Sequence[int],
    *,
    rounds: int,
) -> pd.DataFrame:
    """New tokens a second with a KV cache, one row a round, one column a batch size.

    Sizes take turns (A B A B …), since machines are busy at times. Before the first round each size continues one
    batch that is not timed: the first use of a shape pays for memory and for choosing how to multiply. Every
    continuation has exactly ``new_tokens`` tokens: the end of a document does not stop it.

    Raises:
        ModelError: the model's context has no room for ``new_tokens`` tokens.
        DivergenceError: the model's logits are not finite.
    """
    config, ids = _exact_work(model, tokenizer, prompts, new_tokens)
    speeds: dict[int, list[float]] = {size: [] for size in batch_sizes}
    with _inference(model, 0):
        for size in batch_sizes:
            _continue(model, ids[:size], config)
        for _ in range(rounds):
            for size in batch_sizes:
                begun = time.perf_counter()
                for batch in (ids[i : i + size] for i in range(0, len(ids), size)):
                    _continue(model, batch, config)
                speeds[size].append(len(ids) * new_tokens / (time.perf_counter() - begun))
    return pd.DataFrame(speeds)


def speed_table(rounds: pd.DataFrame) -> pd.DataFrame:
    """By batch size: tokens_per_second (median over rounds) and speedup (of it over that of the first batch size).

    ``rounds`` is of :func:`throughput_rounds`.
    """
    medians = rounds.median()
    table = pd.DataFrame({"tokens_per_second": medians, "speedup": medians / medians.iloc[0]})
    return table.rename_axis("batch_size")


@dataclass(frozen=True)
class Written:
    """What one timed pass of writing gave."""

    characters: int
    tokens: int
    seconds: float


def write(model: AnyModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], new_tokens: int) -> Written:
    """Continue all prompts as one batch, greedily, by exactly ``new_tokens`` tokens each, and take the time of it.

    Raises:
        ModelError: the model's context has no room for ``new_tokens`` tokens.
        DivergenceError: the model's logits are not finite.
    """
    config, ids = _exact_work(model, tokenizer, prompts, new_tokens)
    with _inference(model, 0):
        begun = time.perf_counter()
        written = _continue(model, ids, config)
        seconds = time.perf_counter() - begun
    texts = [_continuation(tokenizer, before, new) for before, new in zip(ids, written, strict=True)]
    return Written(sum(map(len, texts)), len(prompts) * new_tokens, seconds)


def _exact_work(
    model: AnyModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], new_tokens: int
) -> tuple[GenerationConfig, list[list[int]]]:
    """Settings for exactly ``new_tokens`` tokens a prompt, and the ids of the prompts with room left for them."""
    room = _prompt_room(model, new_tokens)
    return _exact_length(tokenizer, new_tokens), [_prompt_ids(tokenizer, prompt, room) for prompt in prompts]


def _stop_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that closes a document: the boundaries of training and the tokenizer's own end."""
    edge = boundaries(tokenizer)
    own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return sorted({*edge.before, *edge.after, *own})


def _generation_config(spec: GenerationSpec, decoding: Decoding, stops: list[int]) -> GenerationConfig:
    sampled = decoding.temperature > 0
    sampling = {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0} if sampled else {}
    return GenerationConfig(
        do_sample=sampled, max_new_tokens=spec.max_new_tokens, eos_token_id=stops, pad_token_id=stops[0], **sampling
    )


def _exact_length(tokenizer: PreTrainedTokenizerBase, new_tokens: int) -> GenerationConfig:
    """Greedy, and no end of a document before ``new_tokens`` tokens."""
    stops = _stop_ids(tokenizer)
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        eos_token_id=stops,
        pad_token_id=stops[0],
    )


def _prompt_room(model: AnyModel, new_tokens: int) -> int:
    """Tokens of the prompt that fit beside the continuation; a longer prompt loses its beginning."""
    context = getattr(model.config, "max_position_embeddings", None)
    if context is None:
        return 2**31
    if context <= new_tokens:
        raise ModelError(
            f"{new_tokens} new tokens leave no room for a prompt in the model's context of {context} tokens: "
            "ask for fewer"
        )
    return context - new_tokens


def _prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: str, room: int) -> list[int]:
    """The last ``room`` ids of a document that begins with the prompt."""
    return [*boundaries(tokenizer).before, *encode(tokenizer, prompt)][-room:]


def _batches(asked: list[tuple[str, int]], size: int) -> list[list[tuple[str, int]]]:
    return [asked[i : i + size] for i in range(0, len(asked), size)]


@contextmanager
def _inference(model: AnyModel, seed: int) -> Iterator[None]:
    """Evaluation mode and a seeded random state; each module's mode and the state come back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with _no_settings_of_its_own(model), torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _no_settings_of_its_own(model: AnyModel) -> Iterator[None]:
    """Without a checkpoint's generation settings (Qwen2.5's penalise repetition): they fill what ours leave open."""
    own = [(module, module.generation_config) for module in model.modules() if "generation_config" in vars(module)]
    try:
        for module, _ in own:
            module.generation_config = GenerationConfig()  # type: ignore[assignment]
        yield
    finally:
        for module, settings in own:
            module.generation_config = settings


class _Finite(LogitsProcessor):
    """Refuses logits that are no numbers: sampling would fail on them, and greedy decoding write the first token."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        # other processors set logits to minus infinity
        if bool((scores.isnan() | scores.isposinf()).any()):
            raise DivergenceError("the model's logits are not finite numbers: its run diverged, train it again")
        return scores


def _continue(model: AnyModel, prompts: list[list[int]], config: GenerationConfig) -> list[list[int]]:
    """New token ids of each prompt; prompts are padded on the left and the padding is masked."""
    longest = max(len(ids) for ids in prompts)
    padding = [longest - len(ids) for ids in prompts]
    rows = [[config.pad_token_id] * pad + ids for pad, ids in zip(padding, prompts, strict=True)]
    ids = torch.tensor(rows, device=model.device)
    mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding], device=model.device)
    draw: Any = model.generate
    checked = LogitsProcessorList([_Finite()])
    output: torch.Tensor = draw(input_ids=ids, attention_mask=mask, generation_config=config, logits_processor=checked)
    return output[:, longest:].tolist()


def _described(
    tokenizer: PreTrainedTokenizerBase, before: list[int], new: list[int], stops: list[int]
) -> dict[str, str | int | bool]:
    end = next((i for i, token in enumerate(new) if token in stops), len(new))
    text = _continuation(tokenizer, before, new[:end])
    return {
        "continuation": text,
        "new_tokens": end,
        "ended": end < len(new),
        "broken_characters": count_broken(text, ended=end < len(new)),
    }


def count_broken(text: str, *, ended: bool) -> int:
    """U+FFFD in a continuation: places where the bytes of its tokens are not valid UTF-8.

    One at the very end of a text that the model did not end is not counted: there the greatest length cut a letter.
    """
    return text.count(REPLACEMENT) - int(not ended and text.endswith(REPLACEMENT))


def _continuation(tokenizer: PreTrainedTokenizerBase, before: list[int], new: list[int]) -> str:
    """Text of the new tokens, decoded after the prompt: some tokenizers drop the space before a text's first word."""
    prompt, whole = _decode(tokenizer, before), _decode(tokenizer, before + new)
    return whole[len(prompt) :] if whole.startswith(prompt) else _decode(tokenizer, new)


def _decode(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
