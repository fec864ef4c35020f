"""The loss against that of transformers in float64, its gradient against autograd's, on every kind of label."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.loss.loss_utils import ForCausalLMLoss

from bashkir_utils import losses
from bashkir_utils.losses import IGNORED, causal_cross_entropy, use_causal_cross_entropy
from bashkir_utils.models import load_model
from bashkir_utils.study import ModelSpec

from conftest import ARCHITECTURES


def drawn(batch: int, length: int, entries: int, dtype: torch.dtype = torch.float64):
    generator = torch.Generator().manual_seed(batch * 100 + length)
    logits = torch.randn(batch, length, entries, generator=generator, dtype=torch.float64).mul(4).to(dtype)
    labels = torch.randint(entries, (batch, length), generator=generator)
    labels[torch.rand(batch, length, generator=generator) < 0.2] = IGNORED
    labels[0, 1] = 0
    return logits, labels


def with_gradient(loss, logits, *arguments, **settings):
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, *arguments, **settings)
    value.backward()
    return value.detach(), leaf.grad


@given(st.integers(1, 4), st.integers(2, 9), st.integers(2, 40), st.sampled_from([None, 7]), st.sampled_from([1, 60]))
def test_loss_and_gradient_are_those_of_autograd_in_float64(batch, length, entries, items, chunk):
    logits, labels = drawn(batch, length, entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "CHUNK_NUMBERS", chunk)
        value, gradient = with_gradient(causal_cross_entropy, logits, labels, entries, num_items_in_batch=items)
    flat, following = logits[:, :-1].reshape(-1, entries), labels[:, 1:].reshape(-1)

    def reference(leaf):
        flat = leaf[:, :-1].reshape(-1, entries)
        total = torch.nn.functional.cross_entropy(flat, following, ignore_index=IGNORED, reduction="sum")
        return total / (items or (following != IGNORED).sum())

    expected, wanted = with_gradient(reference, logits)
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradient, wanted, rtol=1e-10, atol=1e-12)
    assert flat.dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("items", [None, torch.tensor(11)])
def test_loss_and_gradient_are_those_of_transformers(dtype, items):
    logits, labels = drawn(3, 8, 50, dtype)
    value, gradient = with_gradient(causal_cross_entropy, logits, labels, 50, num_items_in_batch=items)
    expected, wanted = with_gradient(ForCausalLMLoss, logits, labels, 50, num_items_in_batch=items)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, wanted, rtol=2e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-6)


def test_labels_that_are_moved_already_are_not_moved_again():
    logits, labels = drawn(2, 6, 20)
    moved = torch.nn.functional.pad(labels, (0, 1), value=IGNORED)[:, 1:]
    assert causal_cross_entropy(logits, labels, 20) == causal_cross_entropy(logits, labels, 20, shift_labels=moved)


def test_the_logits_are_left_as_they_are():
    logits, labels = drawn(2, 6, 20, torch.float32)
    before = logits.clone()
    with_gradient(causal_cross_entropy, logits, labels, 20)
    leaf = logits.requires_grad_()
    causal_cross_entropy(leaf, labels, 20).backward()
    assert torch.equal(logits.detach(), before)


def test_a_second_backward_pass_is_an_error_and_no_wrong_gradient():
    logits, labels = drawn(2, 6, 20)
    loss = causal_cross_entropy(logits.requires_grad_(), labels, 20)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="used before"):
        loss.backward()


def test_logits_that_are_not_numbers_give_a_loss_that_is_none():
    logits, labels = drawn(2, 6, 20)
    logits[0, 0, 3] = torch.nan
    assert torch.isnan(causal_cross_entropy(logits, labels, 20))


def test_another_ignored_label_is_refused():
    logits, labels = drawn(2, 6, 20)
    with pytest.raises(ValueError, match="only -100"):
        causal_cross_entropy(logits, labels, 20, ignore_index=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_computes_its_loss_by_it(architecture, shared_workspace):
    model = load_model(ModelSpec(name="x", source=f"random:{architecture}"), shared_workspace)
    ids = torch.randint(256, (2, 12), generator=torch.Generator().manual_seed(0))

    def gradients():
        model.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        return loss.item(), {name: value.grad.clone() for name, value in model.named_parameters()}

    expected, wanted = gradients()
    use_causal_cross_entropy(model)
    value, found = gradients()
    assert value == pytest.approx(expected, rel=1e-6)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-7)
