"""Give a pretrained model another vocabulary: trimmed, extended or replaced, with embeddings made from the old ones.

The result is a plain folder of ``transformers`` that every module from here on treats like any other base model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from . import provenance
from .corpus import Corpus
from .distillation import distil_embeddings
from .exceptions import ModelError
from .language import segment
from .models import changed_folder, load_model, load_tokenizer
from .packing import boundaries
from .progress import quiet_libraries
from .study import DistillationSpec, ModelSpec, VocabularySpec
from .tokenization import sample_texts
from .tokenization.alignment import ids_by_spelling, overlaps, sub_tokens
from .tokenization.loading import Tokenizer, check_round_trip, from_transformers
from .tokenization.surgery import NEW, ChangedTokenizer, extend_tokenizer, trim_tokenizer
from .tokenization.trained import train_tokenizer
from .workspace import Workspace, atomic_directory, disk_errors, read_json, write_json

RECORD = "vocabulary.json"
WEIGHED_CHARACTERS = 1_000_000
"""How much text the overlaps of old and new entries are counted in."""


@dataclass(frozen=True)
class VocabularyRecord:
    """How a changed vocabulary was made."""

    old_ids: tuple[int, ...]
    """For each entry the id in the old vocabulary, or ``surgery.NEW``."""
    old_entries: int
    """Rows of the old embedding matrix."""
    tokenizer_seconds: float
    """Learning the entries, and checking that text comes back exactly."""
    embedding_seconds: float
    """Making the embeddings; loading and writing models are in neither."""
    distillation: Mapping[str, Any] | None = None
    """What a distillation read and how its loss fell (``distillation.DistillationResult``); None without one."""

    @property
    def new_ids(self) -> tuple[int, ...]:
        """The entries that the old vocabulary lacks."""
        return tuple(place for place, old in enumerate(self.old_ids) if old == NEW)


def prepare_vocabulary(model: ModelSpec, corpus: Corpus, workspace: Workspace) -> VocabularyRecord | None:
    """Make the base model of ``model`` with its vocabulary, once; None for a model that keeps its own.

    Raises:
        ModelError: the vocabulary is for another corpus, asks for morphemes of a language that is not Bashkir, or the
            base cannot be loaded.
        TokenizerError: the tokenizer is no BPE and cannot be changed, or the text is too short.
    """
    spec = model.vocabulary
    if spec is None:
        return None
    if spec.corpus != corpus.fingerprint:
        raise ModelError(f"model {model.name!r}: its vocabulary is for corpus {spec.corpus}, not {corpus.fingerprint}")
    if spec.morphemes and corpus.language != "ba":
        raise ModelError(f"model {model.name!r}: only Bashkir words can be cut into morphemes here")
    folder = changed_folder(model, workspace)
    if not folder.is_dir():
        with disk_errors(f"the vocabulary of {model.name}", ModelError), atomic_directory(folder) as temporary:
            base, tokenizer, record = _changed(model, list(corpus.split("train")["text"]), workspace)
            with quiet_libraries():
                base.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
            write_json(temporary / RECORD, {**vars(record), "spec": spec.model_dump(), **provenance.collect()})
    return read_record(model, workspace)


def read_record(model: ModelSpec, workspace: Workspace) -> VocabularyRecord:
    """How the vocabulary of ``model`` was made. Raises ModelError where it is not made yet."""
    path = changed_folder(model, workspace) / RECORD
    if not path.is_file():
        raise ModelError(f"model {model.name!r}: its vocabulary is not made yet; a run of it makes it")
    content = read_json(path)
    return VocabularyRecord(
        tuple(content["old_ids"]),
        content["old_entries"],
        content["tokenizer_seconds"],
        content["embedding_seconds"],
        content.get("distillation"),
    )


def new_ids(model: ModelSpec, workspace: Workspace) -> tuple[int, ...]:
    """The entries of ``model`` that it did not come with; none where it keeps its own vocabulary."""
    return () if model.vocabulary is None else read_record(model, workspace).new_ids


def _changed(
    model: ModelSpec, texts: list[str], workspace: Workspace
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, VocabularyRecord]:
    spec = model.vocabulary
    if spec is None:
        raise ModelError(f"model {model.name!r} keeps its vocabulary")
    tokenizer = load_tokenizer(model.base, workspace)
    distilled = spec.embeddings == "distilled"
    base = load_model(model.base, workspace, dtype=torch.float32 if distilled else "auto")
    teacher = load_model(model.base, workspace) if distilled else None
    old_entries = _rows(base.get_input_embeddings()).shape[0]
    began = time.perf_counter()
    sample = sample_texts(texts, spec.characters)
    changed = change_tokenizer(tokenizer, spec, sample)
    check_round_trip(from_transformers(model.name, model.name, changed.tokenizer))
    learned = time.perf_counter()
    change_embeddings(base, mixing(changed, tokenizer, old_entries, spec, texts), spec.seed)
    _name_special(base, changed.tokenizer)
    told = None
    if teacher is not None:
        settings = spec.distillation or DistillationSpec()
        new = [place for place, old in enumerate(changed.old_ids) if old == NEW]
        found = distil_embeddings(teacher, tokenizer, base, changed.tokenizer, sample, settings, trained_ids=new)
        told = {**vars(found), "curve": found.curve.to_dict("list")}
    record = VocabularyRecord(changed.old_ids, old_entries, learned - began, time.perf_counter() - learned, told)
    return base, changed.tokenizer, record


def change_tokenizer(
    tokenizer: PreTrainedTokenizerBase, spec: VocabularySpec, texts: Sequence[str]
) -> ChangedTokenizer:
    """The tokenizer that ``spec`` asks for, learned on ``texts``.

    Raises:
        TokenizerError: ``tokenizer`` is no BPE and cannot be changed, or the texts are too short.
    """
    if spec.way == "trim":
        return trim_tokenizer(tokenizer, texts)
    entries = spec.entries or 0
    if spec.way == "extend":
        return extend_tokenizer(tokenizer, texts, entries)
    learned = train_tokenizer(
        texts, entries=entries, algorithm=spec.algorithm, segment=segment if spec.morphemes else None
    )
    return ChangedTokenizer(learned, (NEW,) * len(learned))


def mixing(
    changed: ChangedTokenizer,
    old_tokenizer: PreTrainedTokenizerBase,
    old_entries: int,
    spec: VocabularySpec,
    texts: Sequence[str],
) -> csr_matrix:
    """What each new row is made of: row i holds the weights of the old rows, shape (new entries, old entries).

    An entry that the old vocabulary has keeps its row. One that is new is, by ``spec.embeddings``:

    - ``mean``: the mean of the rows of the old sub-tokens that spell it (Gee et al., 2022, "Fast vocabulary transfer");
    - ``weighted``: the mean weighted by how often each old token shares bytes with it in running text, where a piece
      may be cut otherwise than alone; entries that do not occur there take ``mean``;
    - ``distilled``: as ``mean``, which :mod:`~bashkir_utils.distillation` begins with;
    - ``random``: an empty row, which :func:`change_embeddings` draws.

    A byte that the old vocabulary cannot write has an empty row in every way.

    Document boundaries of a replaced vocabulary are made of the old ones, whatever is asked for.
    """
    new = from_transformers("new", "new", changed.tokenizer)
    old = from_transformers("old", "old", old_tokenizer)
    made = {} if spec.embeddings == "random" else _sub_token_rows(changed, new, old)
    shape = (len(changed.old_ids), old_entries)
    if spec.embeddings == "weighted":
        counted = overlaps(new, old, sample_texts(texts, WEIGHED_CHARACTERS), shape)
        made |= {i: _row(counted, i) for i in made if counted.indptr[i] < counted.indptr[i + 1]}
    if NEW in (changed.old_ids[i] for i in _boundary_ids(changed.tokenizer)):
        own = dict.fromkeys(_boundary_ids(old_tokenizer), 1.0)
        made |= dict.fromkeys(_boundary_ids(changed.tokenizer), own)
    made |= {i: {old_id: 1.0} for i, old_id in enumerate(changed.old_ids) if old_id != NEW}
    return _normalised(made, shape)


def _sub_token_rows(changed: ChangedTokenizer, new: Tokenizer, old: Tokenizer) -> dict[int, dict[int, float]]:
    by_spelling = ids_by_spelling(old)
    rows: dict[int, dict[int, float]] = {}
    for i, old_id in enumerate(changed.old_ids):
        if old_id == NEW:
            ids = sub_tokens(new.spellings[i], old, by_spelling)
            rows[i] = {each: float(ids.count(each)) for each in ids}
    return rows


def _boundary_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    edge = boundaries(tokenizer)
    return (*edge.before, *edge.after)


def _row(counts: csr_matrix, i: int) -> dict[int, float]:
    part = slice(counts.indptr[i], counts.indptr[i + 1])
    return dict(zip(counts.indices[part].tolist(), counts.data[part].tolist(), strict=True))


def _normalised(made: dict[int, dict[int, float]], shape: tuple[int, int]) -> csr_matrix:
    places = [(i, old_id, weight) for i, row in made.items() for old_id, weight in row.items()]
    rows, columns, weights = (np.array(each) for each in zip(*places, strict=True)) if places else ([], [], [])
    matrix = csr_matrix((weights, (rows, columns)), shape=shape, dtype=np.float64)
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    return diags(np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0)) @ matrix


def change_embeddings(model: PreTrainedModel, weights: csr_matrix, seed: int) -> None:
    """Give ``model``, in place, an embedding matrix and a head whose rows are ``weights`` @ the old rows.

    Tied matrices stay tied; an untied head and a head's bias are mixed in the same way. Rows without weights are drawn
    from a normal distribution with the mean and standard deviation of each column of the old matrix.
    """
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    tied = outputs.weight is inputs.weight
    embedding, head = _mixed(_rows(inputs), weights, seed), None if tied else _mixed(_rows(outputs), weights, seed + 1)
    bias = None if _bias(outputs) is None else _mixed(_bias(outputs)[:, None], weights, seed + 2)[:, 0]
    model.resize_token_embeddings(weights.shape[0], mean_resizing=False)
    with torch.no_grad():
        _rows(model.get_input_embeddings()).copy_(embedding)
        if head is not None:
            _rows(model.get_output_embeddings()).copy_(head)
        if bias is not None:
            _bias(model.get_output_embeddings()).copy_(bias)


def restore_dropped(model: PreTrainedModel, base: PreTrainedModel, record: VocabularyRecord) -> None:
    """Give a model with a trimmed vocabulary, in place, the rows of ``base`` that were dropped, after its own.

    The tokenizer never writes them, so the loss changes only because the softmax spends probability on them again: it
    is that of the full vocabulary.
    """
    kept = len(record.old_ids)
    dropped = sorted(set(range(record.old_entries)) - set(record.old_ids))
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.resize_token_embeddings(kept + len(dropped), mean_resizing=False)
    head, old_head = model.get_output_embeddings(), base.get_output_embeddings()
    with torch.no_grad():
        _rows(model.get_input_embeddings())[kept:] = _rows(base.get_input_embeddings())[dropped]
        if not tied:
            _rows(head)[kept:] = _rows(old_head)[dropped]
        if _bias(head) is not None:
            _bias(head)[kept:] = _bias(old_head)[dropped]


def _rows(module: torch.nn.Module) -> torch.Tensor:
    """The matrix of embeddings or of a head, shape (entries, width)."""
    return module.get_parameter("weight")


def _bias(head: torch.nn.Module) -> Any:
    """The head's bias, shape (entries,), or None: only Phi's has one."""
    return getattr(head, "bias", None)


def _mixed(old: torch.Tensor, weights: csr_matrix, seed: int) -> torch.Tensor:
    """``weights`` @ ``old`` in float32, empty rows drawn; shape (new entries, width)."""
    exact = old.detach().float().cpu()
    made = torch.from_numpy(weights.astype(np.float32) @ exact.numpy())
    empty = torch.from_numpy(np.diff(weights.indptr) == 0)
    drawn = torch.randn(int(empty.sum()), exact.shape[1], generator=torch.Generator().manual_seed(seed))
    made[empty] = exact.mean(dim=0) + drawn * exact.std(dim=0)
    return made


def _name_special(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Let the configurations name the special entries by their new ids."""
    for config in (model.config, model.generation_config):
        for role in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(config, role, getattr(tokenizer, role))
