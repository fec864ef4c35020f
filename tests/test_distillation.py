"""Token distillation: pairs that end alike, loss 0 where nothing changed, disturbed rows that come back."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, normalizers, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, set_seed
from transformers.convert_slow_tokenizer import bytes_to_unicode

from bashkir_utils.aligned_texts import align, chunks
from bashkir_utils.distillation import distil_embeddings
from bashkir_utils.exceptions import CorpusError, DivergenceError, ModelError
from bashkir_utils.language import generate_documents
from bashkir_utils.models import byte_tokenizer, load_model, random_config
from bashkir_utils.packing import boundaries, encode
from bashkir_utils.study import DistillationSpec, ModelSpec
from bashkir_utils.tokenization import from_transformers
from bashkir_utils.tokenization.surgery import NEW, extend_tokenizer, trim_tokenizer
from bashkir_utils.tokenization.trained import train_tokenizer

from conftest import ARCHITECTURES

BYTE_LEVEL = byte_tokenizer()
SPEC = DistillationSpec(steps=12, batch_size=4, chunk_characters=48, learning_rate=3e-3, seed=1)

SENTENCE = "Мин иртән һыу эсәм, кис китап уҡыйым."
ONE_TEXT = DistillationSpec(steps=60, batch_size=1, chunk_characters=80, learning_rate=2e-2)


@cache
def texts() -> tuple[str, ...]:
    return tuple(document.text for document in generate_documents(12))


@cache
def trained(algorithm: str = "bpe") -> PreTrainedTokenizerFast:
    return train_tokenizer(texts(), entries=400, algorithm=algorithm)


def merging(*pairs: str) -> PreTrainedTokenizerFast:
    """The 256 bytes and the given merges, each of two bytes or more as four hexadecimal digits or more."""
    sign = bytes_to_unicode()
    pieces = [*sign.values(), *("".join(sign[byte] for byte in bytes.fromhex(pair)) for pair in pairs)]
    merges = [(piece[: len(piece) // 2], piece[len(piece) // 2 :]) for piece in pieces[256:]]
    core = Backend(tokenizer_models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>")


def sentencepiece_like() -> PreTrainedTokenizerFast:
    """As Llama's: a space before the first word, ``▁`` for spaces, and bytes for letters that are no entries."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"авимнт", "▁а", "▁▁"]
    model = tokenizer_models.BPE(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=[("▁", "а"), ("▁", "▁")], byte_fallback=True
    )
    core = Backend(model)
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@cache
def spelled(tokenizer):
    """The bytes of each entry."""
    return from_transformers("x", "x", tokenizer).spellings


def teacher_of(architecture: str = "llama"):
    """A tiny model with weights large enough that its states depend on what it reads."""
    set_seed(0)
    config = random_config(architecture)
    config.initializer_range = 0.2
    return AutoModelForCausalLM.from_config(config).eval()


def student_of(teacher, tokenizer, old_tokenizer=None):
    """The same model with the new tokenizer's rows, each the mean of the old rows of its bytes."""
    old = teacher.get_input_embeddings().weight.detach()
    number = {piece: i for i, piece in spelled(old_tokenizer or BYTE_LEVEL).items()}
    student = copy.deepcopy(teacher)
    student.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for i, piece in spelled(tokenizer).items():
            ids = [number[piece]] if piece in number else [number[bytes([byte])] for byte in piece]
            student.get_input_embeddings().weight[i] = old[ids].mean(0)
    return student


def distil(teacher, student, tokenizer, spec=SPEC, **settings):
    return distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, texts(), spec, **settings)


def byte_ends(tokenizer, text: str) -> dict[int, int]:
    """Where each token ends, in bytes, from the vocabulary's spellings alone."""
    pieces = [spelled(tokenizer)[i] for i in encode(tokenizer, text)]
    return {int(end): place for place, end in enumerate(np.cumsum([len(piece) for piece in pieces]))}


def test_pairs_of_a_short_text_by_hand():
    # һ is the bytes d2 bb, ы d1 8b, у d1 83; the merges make һ, ы and then һы
    letters = merging("d2bb", "d18b", "d2bbd18b")
    found = align(BYTE_LEVEL, letters, "һыу ы")
    # <|endoftext|> d2 bb d1 8b d1 83 20 d1 8b, and <|endoftext|> һы d1 83 20 ы
    assert (len(found.teacher_ids), len(found.student_ids)) == (10, 6)
    assert found.teacher_places == (4, 6, 7, 9)
    assert found.student_places == (1, 3, 4, 5)


def test_a_token_that_ends_inside_a_character_is_in_no_pair():
    # the last byte of һ and the first of ы are one token: both tokenizers cut after d2, and after 8b
    found = align(BYTE_LEVEL, merging("bbd1"), "һы")
    assert len(found.student_ids) == 4
    assert (found.teacher_places, found.student_places) == ((4,), (3,))
    # cut after the first byte of a letter in both, and so compared at none but the last
    assert align(BYTE_LEVEL, BYTE_LEVEL, "һы").student_places == (2, 4)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40) | st.text(alphabet="аһыҙ 1\n😀й", max_size=40))
@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_a_pair_covers_the_same_bytes_and_whole_characters(algorithm, text):
    old, new = BYTE_LEVEL, trained(algorithm)
    found = align(old, new, text)
    before, after = byte_ends(old, text), byte_ends(new, text)
    whole = {len(text[:end].encode()) for end in range(1, len(text) + 1)}
    expected = sorted(whole & before.keys() & after.keys())
    assert list(found.teacher_places) == [1 + before[end] for end in expected]
    assert list(found.student_places) == [1 + after[end] for end in expected]
    assert list(found.student_ids) == [*boundaries(new).before, *encode(new, text)]


def test_a_sentencepiece_tokenizer_is_aligned_too():
    found = align(sentencepiece_like(), BYTE_LEVEL, "ат  ҡ")
    old = sentencepiece_like().convert_ids_to_tokens(found.teacher_ids)
    assert old == ["<s>", "▁а", "т", "▁▁", "<0xD2>", "<0xA1>"]
    # the bytes: <|endoftext|> d0 b0 d1 82 20 20 d2 a1
    assert found.teacher_places == (1, 2, 3, 5)
    assert found.student_places == (2, 4, 6, 8)


@given(st.text(), st.integers(1, 9))
def test_chunks_are_short_and_lose_nothing(text, characters):
    found = chunks(text, characters)
    assert "".join(found) == text
    assert all(len(chunk) <= characters for chunk in found)


def test_chunks_end_at_words_unless_a_word_is_too_long():
    assert chunks("мин һыу эсәм, рәхмәт", 9) == ["мин һыу", " эсәм,", " рәхмәт"]
    assert chunks("мин әәәәәәә", 5) == ["мин", " әәәә", "әәә"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_tokenizer_and_rows_have_loss_0_and_stay(architecture):
    teacher = teacher_of(architecture)
    # dropout is off even in models that were being trained
    student = student_of(teacher.train(), BYTE_LEVEL).train()
    result = distil(teacher, student, BYTE_LEVEL)
    assert list(result.curve["loss"]) == [0.0] * SPEC.steps
    for name, value in teacher.state_dict().items():
        assert torch.equal(student.state_dict()[name], value), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_new_vocabulary_is_pulled_to_the_old_one_and_only_its_rows_move(architecture):
    teacher, tokenizer = teacher_of(architecture), trained()
    student = student_of(teacher, tokenizer)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    old = {name: value.clone() for name, value in teacher.state_dict().items()}
    # weights are random, so what rows learn holds for the text that they learned it on
    losses = distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, [SENTENCE], ONE_TEXT).curve["loss"]
    assert losses.iloc[-1] < 0.5 * losses[0]
    embeddings = student.get_input_embeddings().weight
    shared = {name for name, value in student.state_dict().items() if value.data_ptr() == embeddings.data_ptr()}
    assert shared
    for name, value in student.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in shared), name
    assert all(torch.equal(value, old[name]) for name, value in teacher.state_dict().items())


def test_disturbed_rows_come_back():
    teacher = teacher_of()
    student = student_of(teacher, BYTE_LEVEL)
    used = sorted({i for text in texts() for i in encode(BYTE_LEVEL, text)})
    weight = student.get_input_embeddings().weight
    with torch.no_grad():
        weight[used] = weight[used] + 0.05 * torch.randn(len(used), weight.shape[1], generator=torch.manual_seed(2))
    spec = SPEC.model_copy(update={"steps": 60, "learning_rate": 1e-2})
    losses = distil(teacher, student, BYTE_LEVEL, spec).curve["loss"]
    assert losses.iloc[-1] < 0.3 * losses[0]


def test_only_the_new_rows_of_an_extended_vocabulary_move():
    old, teacher = trained(), teacher_of()
    teacher.resize_token_embeddings(len(old), mean_resizing=False)
    changed = extend_tokenizer(old, texts(), 40)
    student = student_of(teacher, changed.tokenizer, old)
    before = student.get_input_embeddings().weight.detach().clone()
    new = [i for i, was in enumerate(changed.old_ids) if was == NEW]
    sentence = texts()[0][:60].rsplit(maxsplit=1)[0]
    result = distil_embeddings(teacher, old, student, changed.tokenizer, [sentence], ONE_TEXT, trained_ids=new)
    moved = (student.get_input_embeddings().weight != before).any(dim=1).nonzero().flatten().tolist()
    assert result.curve["loss"].iloc[-1] < 0.8 * result.curve["loss"][0]
    assert set(moved) == set(new) & set(encode(changed.tokenizer, sentence))
    assert moved


def test_a_trimmed_vocabulary_that_cuts_alike_has_loss_0():
    old = trained()
    teacher = teacher_of()
    teacher.resize_token_embeddings(len(old), mean_resizing=False)
    changed = trim_tokenizer(old, texts()[:2])
    student = student_of(teacher, changed.tokenizer, old)
    result = distil_embeddings(teacher, old, student, changed.tokenizer, texts()[:2], SPEC)
    assert 256 < len(changed.tokenizer) < len(old)
    assert result.curve["loss"].max() == 0.0
    assert result.tokens == result.teacher_tokens


def test_rows_of_entries_that_do_not_occur_stay():
    teacher, tokenizer = teacher_of(), trained()
    student = student_of(teacher, tokenizer)
    before = student.get_input_embeddings().weight.detach().clone()
    distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, ["мин"], SPEC)
    moved = (student.get_input_embeddings().weight != before).any(dim=1).nonzero().flatten().tolist()
    assert set(moved) == {*boundaries(tokenizer).before, *encode(tokenizer, "мин")}


def test_the_row_that_torch_keeps_gradients_from_is_trained_too():
    teacher = teacher_of()
    student = student_of(teacher, BYTE_LEVEL)
    embeddings, start = student.get_input_embeddings(), BYTE_LEVEL.eos_token_id
    assert embeddings.padding_idx == start
    with torch.no_grad():
        embeddings.weight.mul_(0.5)
    before = embeddings.weight.detach().clone()
    distil(teacher, student, BYTE_LEVEL)
    assert (embeddings.weight[start] != before[start]).any()
    assert embeddings.padding_idx == start


def test_the_same_seed_gives_the_same_and_another_does_not():
    teacher, tokenizer = teacher_of("gpt2"), trained()
    results, rows = [], []
    for seed in (1, 1, 2):
        student = student_of(teacher, tokenizer)
        results.append(distil(teacher, student, tokenizer, SPEC.model_copy(update={"seed": seed})))
        rows.append(student.get_input_embeddings().weight)
    assert torch.equal(rows[0], rows[1])
    assert results[0].curve["loss"].equals(results[1].curve["loss"])
    assert not torch.equal(rows[0], rows[2])


def test_what_a_distillation_cost_is_counted_by_hand():
    teacher, tokenizer = teacher_of(), merging("d2bb", "d18b", "d2bbd18b")
    student = student_of(teacher, tokenizer)
    spec = DistillationSpec(steps=3, batch_size=2, chunk_characters=8)
    result = distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, ["һыу ы"], spec)
    # of the six rows read each is the text of the first test
    assert (result.teacher_tokens, result.tokens, result.aligned) == (60, 36, 24)
    assert list(result.curve["step"]) == [1, 2, 3]
    assert result.curve["seconds"].is_monotonic_increasing
    assert result.seconds >= result.curve["seconds"].iloc[-1]


def test_the_loss_is_the_mean_squared_error_of_last_states():
    teacher, tokenizer = teacher_of(), merging("d2bb", "d18b", "d2bbd18b")
    student = student_of(teacher, tokenizer)
    errors = []
    for text in ("һыу ы", "ы"):
        pairs = align(BYTE_LEVEL, tokenizer, text)
        with torch.no_grad():
            old = teacher(torch.tensor([pairs.teacher_ids]), output_hidden_states=True).hidden_states[-1][0]
            new = student(torch.tensor([pairs.student_ids]), output_hidden_states=True).hidden_states[-1][0]
        errors.append((old[list(pairs.teacher_places)] - new[list(pairs.student_places)]).square())
    # both texts are the first batch, the shorter one padded; training reads in bfloat16 where the machine has it
    spec = DistillationSpec(steps=1, batch_size=2)
    result = distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, ["һыу ы", "ы"], spec)
    assert result.aligned == 5
    assert result.curve["loss"][0] == pytest.approx(torch.cat(errors).mean().item(), rel=0.03)


def test_gradient_flags_modes_and_dropout_are_as_they_were():
    teacher, tokenizer = teacher_of("gpt2"), trained()
    student = student_of(teacher, tokenizer)
    student.train()
    student.transformer.h[0].mlp.requires_grad_(False)
    asked = [each.requires_grad for each in student.parameters()]
    distil(teacher, student, tokenizer)
    assert [each.requires_grad for each in student.parameters()] == asked
    assert student.training
    assert not teacher.training
    assert student.get_input_embeddings().weight.grad is None


def test_a_quantised_student_learns_too(shared_workspace):
    spec = ModelSpec(name="tiny", source="random:llama")
    teacher = load_model(spec, shared_workspace)
    student = load_model(spec, shared_workspace, quantised=True)
    with torch.no_grad():
        student.get_input_embeddings().weight.mul_(0.5)
    losses = distil(teacher, student, BYTE_LEVEL).curve["loss"]
    assert losses.iloc[-1] < losses[0]


def test_what_cannot_be_distilled_is_said():
    teacher, tokenizer = teacher_of(), trained()
    student = student_of(teacher, tokenizer)
    for ids in ([NEW], [len(tokenizer)]):
        with pytest.raises(ModelError, match="trained_ids"):
            distil(teacher, student, tokenizer, trained_ids=ids)
    with pytest.raises(ModelError, match="257 embeddings for a tokenizer of 400"):
        distil(teacher, teacher_of(), tokenizer)
    with pytest.raises(ModelError, match="float32"):
        distil(teacher, student_of(teacher, tokenizer).bfloat16(), tokenizer)
    config = random_config("llama")
    config.hidden_size, config.head_dim = 32, 8
    with pytest.raises(ModelError, match="32 hidden units and the teacher 64"):
        distil(teacher, AutoModelForCausalLM.from_config(config), BYTE_LEVEL)
    with pytest.raises(CorpusError, match="no place"):
        distil_embeddings(teacher, BYTE_LEVEL, student, tokenizer, ["", ""], SPEC)


def test_a_loss_that_is_no_number_stops_it():
    teacher, tokenizer = teacher_of(), trained()
    student = student_of(teacher, tokenizer)
    with torch.no_grad():
        student.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(DivergenceError, match="not a finite number"):
        distil(teacher, student, tokenizer)
