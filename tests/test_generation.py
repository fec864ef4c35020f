import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import GenerationConfig, PreTrainedTokenizerFast, WatermarkingConfig

from bashkir_utils import generation
from bashkir_utils.adapt import adapt
from bashkir_utils.exceptions import DivergenceError, ModelError
from bashkir_utils.generation import COLUMNS, count_broken, generate, throughput, write
from bashkir_utils.models import byte_tokenizer, load_model, load_tokenizer
from bashkir_utils.packing import boundaries, encode
from bashkir_utils.study import Decoding, GenerationSpec, MethodSpec, ModelSpec
from bashkir_utils.workspace import Workspace

PROMPTS = ["Бөгөн", "Иртә менән һалҡын ине, ә төштән һуң", "Китап"]
SAMPLED = GenerationSpec(max_new_tokens=10, decodings=[Decoding(name="free", temperature=1.0, samples=2)])
GREEDY = GenerationSpec(max_new_tokens=10, decodings=[Decoding(name="greedy", temperature=0)])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("workspace"))


def loaded(architecture, workspace, kind="zero_shot"):
    spec = ModelSpec(name=architecture, source=f"random:{architecture}")
    low_rank = {"rank": 4, "lora_alpha": 8} if kind in {"lora", "qlora"} else {}
    model = load_model(spec, workspace, quantised=kind == "qlora")
    return adapt(model, MethodSpec(name=kind, kind=kind, **low_rank)), load_tokenizer(spec, workspace)


@pytest.mark.parametrize("architecture", ["gpt2", "phi", "qwen2", "llama", "mistral"])
def test_greedy_agrees_with_one_prompt_at_a_time_and_no_cache(architecture, workspace):
    model, tokenizer = loaded(architecture, workspace)
    table = generate(model, tokenizer, PROMPTS, GREEDY)
    assert table["sample"].tolist() == [0, 0, 0]
    for prompt, continuation in zip(PROMPTS, table["continuation"], strict=True):
        ids = [*boundaries(tokenizer).before, *encode(tokenizer, prompt)]
        new = []
        while len(new) < 10:
            logits = model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1]
            new.append(int(logits.argmax()))
            if new[-1] == tokenizer.eos_token_id:
                new.pop()
                break
        assert continuation == tokenizer.decode(ids + new, skip_special_tokens=True)[len(prompt) :]


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_adapted_models_generate(kind, workspace):
    model, tokenizer = loaded("llama", workspace, kind)
    table = generate(model, tokenizer, PROMPTS, SAMPLED)
    assert list(table.columns) == list(COLUMNS)
    assert table[["prompt", "sample"]].to_records(index=False).tolist() == [(p, s) for p in PROMPTS for s in (0, 1)]
    assert table["new_tokens"].between(0, 10).all()


@pytest.mark.parametrize("spec", [SAMPLED, GREEDY], ids=["sampled", "greedy"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_whose_logits_are_no_numbers_writes_nothing(spec, value, workspace):
    model, tokenizer = loaded("llama", workspace)
    model.lm_head.weight.data[5] = value
    with pytest.raises(DivergenceError, match="logits are not finite"):
        generate(model, tokenizer, PROMPTS, spec)


def test_a_trained_adapter_changes_the_text(workspace):
    model, tokenizer = loaded("llama", workspace, "lora")
    before = generate(model, tokenizer, PROMPTS, GREEDY)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    assert generate(model, tokenizer, PROMPTS, GREEDY)["continuation"].tolist() != before["continuation"].tolist()


def test_the_same_seed_gives_the_same_text_and_another_seed_another(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    first = generate(model, tokenizer, PROMPTS, SAMPLED)
    torch.rand(3)
    pd.testing.assert_frame_equal(first, generate(model, tokenizer, PROMPTS, SAMPLED))
    other = generate(model, tokenizer, PROMPTS, SAMPLED.model_copy(update={"seed": 7}))
    assert other["continuation"].tolist() != first["continuation"].tolist()
    assert first["continuation"].nunique() == len(first), "samples of one prompt differ"


def test_every_decoding_draws_its_own_samples_and_none_changes_another(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    both = GenerationSpec(max_new_tokens=10, decodings=[*SAMPLED.decodings, *GREEDY.decodings])
    table = generate(model, tokenizer, PROMPTS, both)
    assert table.groupby("decoding", sort=False).size().to_dict() == {"free": 6, "greedy": 3}
    for name, spec in (("free", SAMPLED), ("greedy", GREEDY)):
        alone = generate(model, tokenizer, PROMPTS, spec)
        pd.testing.assert_frame_equal(table[table["decoding"] == name].reset_index(drop=True), alone)


@pytest.mark.parametrize(
    ("decodings", "said"),
    [
        ([{"name": "greedy", "temperature": 0, "samples": 2}], "would all be alike"),
        ([{"name": "a", "temperature": 0}, {"name": "a", "temperature": 1}], "named twice"),
        ([], "at least 1 item"),
    ],
)
def test_decodings_that_make_no_sense_are_refused(decodings, said):
    with pytest.raises(ValidationError, match=said):
        GenerationSpec(decodings=decodings)


def test_throughput_counts_the_tokens_that_were_asked_for(workspace, monkeypatch):
    model, tokenizer = loaded("gpt2", workspace)
    seconds = iter([0, 4, 10, 11, 20, 26, 30, 32, 40, 42, 50, 51])
    monkeypatch.setattr(generation.time, "perf_counter", lambda: next(seconds))
    sizes: list[int] = []
    whole = generation._continue

    def follow(model, batch, config):
        new = whole(model, batch, config)
        sizes.append(len(batch))
        assert [len(ids) for ids in new] == [5] * len(batch), "an end of a document does not stop it"
        return new

    monkeypatch.setattr(generation, "_continue", follow)
    table = throughput(model, tokenizer, PROMPTS, 5, (1, 3))
    assert sizes == [1, 3] + [1, 1, 1, 3] * 3, "each size warms up outside the clock, then they take turns"
    # seconds for 15 tokens: 4, 6, 2 one by one, and 1, 2, 1 at once
    assert table["tokens_per_second"].tolist() == [15 / 4, 15]
    assert table["speedup"].tolist() == [1, 4]


def test_nothing_is_left_changed(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    model.train()
    model.transformer.h[0].eval()
    tokenizer.pad_token, tokenizer.padding_side = None, "right"
    modes = [module.training for module in model.modules()]
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    generate(model, tokenizer, PROMPTS, SAMPLED)
    assert torch.equal(torch.rand(4), expected)
    assert [module.training for module in model.modules()] == modes
    assert (tokenizer.pad_token, tokenizer.padding_side) == (None, "right")


def test_modes_come_back_after_an_error(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    model.train()
    model.generate = lambda **_: (_ for _ in ()).throw(RuntimeError("no"))
    with pytest.raises(RuntimeError, match="no"):
        generate(model, tokenizer, PROMPTS, GREEDY)
    assert model.training


def bias(amount):
    return [[[token], amount] for token in range(100)]


OF_A_CHECKPOINT = {
    "repetition_penalty": 50.0, "no_repeat_ngram_size": 1, "encoder_repetition_penalty": 0.01,
    "encoder_no_repeat_ngram_size": 1, "suppress_tokens": list(range(150)), "begin_suppress_tokens": list(range(150)),
    "bad_words_ids": [[token] for token in range(150)], "sequence_bias": bias(9.0), "guidance_scale": 9.0,
    "forced_eos_token_id": 7, "exponential_decay_length_penalty": (0, 99.0),
    "watermarking_config": WatermarkingConfig(bias=50.0), "max_time": 0.0,
    "max_length": 3, "min_length": 900, "min_new_tokens": 9, "stop_strings": ["а"],
    "num_return_sequences": 2, "return_dict_in_generate": True, "num_beams": 4, "prompt_lookup_num_tokens": 3,
    "token_healing": True, "do_sample": True, "temperature": 9.0, "top_k": 1, "top_p": 0.01, "min_p": 0.99,
    "top_h": 0.01, "typical_p": 0.01, "epsilon_cutoff": 0.9, "eta_cutoff": 0.9,
}  # fmt: skip
"""Generation settings that a file beside somebody's weights may hold, each large enough to be seen."""


@pytest.mark.parametrize("setting", OF_A_CHECKPOINT)
def test_a_checkpoints_own_settings_change_nothing(setting, workspace):
    model, tokenizer = loaded("llama", workspace)
    both = GenerationSpec(max_new_tokens=10, decodings=[*SAMPLED.decodings, *GREEDY.decodings])
    plain = generate(model, tokenizer, PROMPTS, both)
    model.generation_config = own = GenerationConfig()
    setattr(own, setting, OF_A_CHECKPOINT[setting])
    pd.testing.assert_frame_equal(plain, generate(model, tokenizer, PROMPTS, both))
    assert model.generation_config is own


def test_settings_of_a_model_under_an_adapter_change_nothing_and_come_back(workspace):
    model, tokenizer = loaded("llama", workspace, "lora")
    plain = generate(model, tokenizer, PROMPTS, GREEDY)
    own = model.get_base_model().generation_config = GenerationConfig(suppress_tokens=list(range(150)))
    pd.testing.assert_frame_equal(plain, generate(model, tokenizer, PROMPTS, GREEDY))
    assert model.get_base_model().generation_config is own
    assert model.generation_config is own


def test_while_a_model_writes_it_has_no_settings_at_all(workspace, monkeypatch):
    model, tokenizer = loaded("gpt2", workspace)
    model.generation_config = own = GenerationConfig(max_time=9.0)
    draw, seen = model.generate, []

    def follow(**asked):
        seen.append(model.generation_config.to_dict())
        return draw(**asked)

    model.generate = follow
    generate(model, tokenizer, PROMPTS, GREEDY)
    throughput(model, tokenizer, PROMPTS, 2, (3,), rounds=1)
    write(model, tokenizer, PROMPTS, 2)
    assert seen == [GenerationConfig().to_dict()] * 4
    assert model.generation_config is own


class _Scripted(torch.nn.Module):
    """Gives the same bytes, whatever it is asked; remembers what it was asked."""

    def __init__(self, new):
        super().__init__()
        self.new, self.device, self.config = new, torch.device("cpu"), GenerationConfig()

    def generate(self, input_ids, attention_mask, **_):
        self.asked = (input_ids, attention_mask)
        return torch.cat([input_ids, torch.tensor([self.new] * len(input_ids))], dim=1)


def ids_of(raw: bytes):
    tokenizer = byte_tokenizer()
    signs = {
        bytes([b]): i for b, i in zip(range(256), map(tokenizer.convert_tokens_to_ids, _byte_signs()), strict=True)
    }
    return [signs[bytes([b])] for b in raw]


def _byte_signs():
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return [bytes_to_unicode()[b] for b in range(256)]


@pytest.mark.parametrize("sign", ["ҡ", "₽", "😀"])
def test_half_a_letter_is_shown_and_counted_unless_the_greatest_length_cut_it(sign):
    tokenizer, half = byte_tokenizer(), sign.encode()[:-1]
    cut = generate(_Scripted(ids_of("ҡа".encode() + half)), tokenizer, ["Ба"], GREEDY).iloc[0]
    assert cut["continuation"] == "ҡа\ufffd"
    assert (cut["broken_characters"], cut["new_tokens"], cut["ended"]) == (0, 4 + len(half), False)
    new = [*ids_of("ҡа".encode() + half), tokenizer.eos_token_id]
    ended = generate(_Scripted(new), tokenizer, ["Ба"], GREEDY).iloc[0]
    assert (ended["continuation"], ended["broken_characters"], ended["ended"]) == ("ҡа\ufffd", 1, True)


@given(st.text(alphabet="абҡәө ₽😀", max_size=20), st.integers(0, 80))
def test_intact_text_cut_at_any_byte_has_no_broken_character(text, end):
    shown = text.encode()[:end].decode(errors="replace")
    assert count_broken(shown, ended=False) == 0
    assert count_broken(f"\ufffd {shown}", ended=False) == 1


def test_text_after_the_end_token_is_dropped():
    tokenizer = byte_tokenizer()
    end = tokenizer.eos_token_id
    row = generate(_Scripted([*ids_of(b"ab"), end, *ids_of(b"c")]), tokenizer, ["x"], GREEDY).iloc[0]
    assert (row["continuation"], row["new_tokens"], row["ended"]) == ("ab", 2, True)


def test_prompts_are_padded_on_the_left_and_masked():
    tokenizer = byte_tokenizer()
    model = _Scripted(ids_of(b"a"))
    generate(model, tokenizer, ["abc", ""], GREEDY)
    ids, mask = model.asked
    assert mask.tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert ids[0, 1:].tolist() == ids_of(b"abc")
    assert ids[:, 0].tolist() == [tokenizer.eos_token_id] * 2, "each prompt opens a document"


def test_batches_hold_every_prompt_once():
    prompts = [f"{i}" for i in range(7)]
    table = generate(_Scripted(ids_of(b"a")), byte_tokenizer(), prompts, GREEDY, batch_size=3)
    assert table["prompt"].tolist() == prompts


def test_no_prompts_give_an_empty_table():
    assert list(generate(_Scripted([]), byte_tokenizer(), [], GREEDY).columns) == list(COLUMNS)


def test_a_prompt_longer_than_the_context_loses_its_beginning(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    table = generate(model, tokenizer, ["ҡ" * 2000], GREEDY)
    assert table["new_tokens"].iloc[0] > 0


def test_no_room_for_the_continuation_is_one_clear_error(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    message = "512 new tokens leave no room for a prompt in the model's context of 512 tokens: ask for fewer"
    for ask in (
        lambda: generate(model, tokenizer, ["ҡ"], GenerationSpec(max_new_tokens=512)),
        lambda: throughput(model, tokenizer, ["ҡ"], 512, (1,)),
        lambda: write(model, tokenizer, ["ҡ"], 512),
    ):
        with pytest.raises(ModelError, match=message):
            ask()


def test_timed_prompts_lose_their_beginning_where_the_context_is_too_short(workspace, monkeypatch):
    model, tokenizer = loaded("gpt2", workspace)
    lengths, whole = [], generation._continue

    def follow(model, batch, config):
        lengths.append([len(ids) for ids in batch])
        return whole(model, batch, config)

    monkeypatch.setattr(generation, "_continue", follow)
    throughput(model, tokenizer, ["ҡ" * 300, "б"], 4, (2,), rounds=1)
    write(model, tokenizer, ["ҡ" * 300, "б"], 4)
    assert lengths == [[508, 3]] * 3


def test_the_end_of_a_document_stops_no_timed_text(workspace):
    model, tokenizer = loaded("gpt2", workspace)
    stop = tokenizer.eos_token_id
    ended = generate(model, tokenizer, PROMPTS, GREEDY)
    model.lm_head.weight.data[:] = 0
    whole = model.forward

    def ending(**asked):
        output = whole(**asked)
        output.logits[..., stop] += 1
        return output

    model.forward = ending
    assert generate(model, tokenizer, PROMPTS, GREEDY)["ended"].all()
    assert not ended["ended"].all()
    assert write(model, tokenizer, PROMPTS, 7).tokens == 21
    assert write(model, tokenizer, PROMPTS, 7).characters > 0, "the next best token stands where the end would"


def test_a_tokenizer_that_strips_the_first_space_keeps_it_between_prompt_and_continuation():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["▁Мин", "▁барам", "<s>", "</s>"]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="</s>"))
    core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
    assert tokenizer.decode([1]) == "барам"
    assert generate(_Scripted([1]), tokenizer, ["Мин"], GREEDY)["continuation"].iloc[0] == " барам"
