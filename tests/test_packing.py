import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bashkir_utils import packing
from bashkir_utils.exceptions import CorpusError, TokenizerError
from bashkir_utils.models import byte_tokenizer
from bashkir_utils.packing import END_OF_TEXT, boundaries, encode, pack

TOKENIZER = byte_tokenizer()
SEPARATOR = TOKENIZER.convert_tokens_to_ids(END_OF_TEXT)
TEXTS = st.lists(st.text(alphabet="әөүғҡңҙҫһ абв\n", min_size=1, max_size=30), min_size=1, max_size=12)


def test_byte_tokenizer_gives_back_every_byte():
    text = "Һыу ғына түгел — 100 %\n\tҠала\u0000🙂"
    assert TOKENIZER.decode(encode(TOKENIZER, text)) == text
    assert len(encode(TOKENIZER, text)) == len(text.encode())


@pytest.fixture
def three_at_once(monkeypatch):
    monkeypatch.setattr(packing, "DOCUMENTS_AT_ONCE", 3)


@given(TEXTS, st.integers(2, 16))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_hold_the_documents_in_order_and_nothing_else(three_at_once, texts, length):
    line = [token for text in texts for token in [SEPARATOR, *encode(TOKENIZER, text)]]
    if len(line) < length:
        with pytest.raises(CorpusError, match="fewer than one block"):
            pack(TOKENIZER, texts, length)
        return
    blocks = pack(TOKENIZER, texts, length)
    assert blocks.input_ids.shape == (len(line) // length, length)
    assert blocks.input_ids.ravel().tolist() == line[: len(line) // length * length]


def test_a_document_cannot_smuggle_in_a_boundary():
    ids = encode(TOKENIZER, f"аҡ{END_OF_TEXT}ҡар")
    assert SEPARATOR not in ids
    assert TOKENIZER.decode(ids) == f"аҡ{END_OF_TEXT}ҡар"


def test_max_blocks_reads_no_more_documents_than_it_needs():
    def endless():
        while True:
            yield "аҡ ҡар " * 5

    blocks = pack(TOKENIZER, endless(), 16, max_blocks=7)
    assert len(blocks) == 7


def test_bytes_per_token_counts_boundaries():
    blocks = pack(TOKENIZER, ["ab", "cd"], 3)
    assert blocks.bytes_per_token == pytest.approx(4 / 6)
    assert blocks.documents == 2


def test_labels_are_the_inputs():
    row = pack(TOKENIZER, ["abcdef"], 4)[0]
    assert row["input_ids"].tolist() == row["labels"].tolist()
    assert row["input_ids"].dtype == row["labels"].dtype
    assert np.issubdtype(row["input_ids"].numpy().dtype, np.int64)


def test_a_separator_stands_before_each_document_of_the_gpt2_family():
    assert boundaries(TOKENIZER).before == (SEPARATOR,)
    assert boundaries(TOKENIZER).after == ()


def test_a_tokenizer_that_writes_bos_gets_bos_and_eos():
    from tokenizers.processors import TemplateProcessing

    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bos)])
    assert boundaries(tokenizer).before == (bos,)
    assert boundaries(tokenizer).after == (eos,)


def test_a_tokenizer_without_any_boundary_is_refused():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(vocab={"a": 0}, merges=[])))
    with pytest.raises(TokenizerError, match="neither BOS"):
        boundaries(bare)
