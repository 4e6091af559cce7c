"""The scan against the recurrence written down step by step in float64."""

import math

import pytest
import torch
from torch.nn import functional

from ichor.segmentation.umamba import selective_scan as module
from ichor.segmentation.umamba.selective_scan import kernel, selective_scan

NAMES = ("x", "dt", "A", "B", "C", "D", "z", "dt_bias")


def inputs(batch, channels, states, length, dtype=torch.float32, seed=0):
    """Random tensors of all arguments, in the order of `NAMES`, that want gradients."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    values = [
        draw(batch, channels, length),
        draw(batch, channels, length),
        -torch.exp(draw(channels, states)),
        draw(batch, states, length),
        draw(batch, states, length),
        draw(channels),
        draw(batch, channels, length),
        draw(channels) - 2,
    ]
    return [value.to(dtype).requires_grad_() for value in values]


def scan(x, dt, A, B, C, D=None, z=None, dt_bias=None, **options):
    return selective_scan(x, dt, A, B, C, D, z=z, dt_bias=dt_bias, dt_softplus=dt_bias is not None, **options)


def step_by_step(x, dt, A, B, C, D, z, dt_bias):
    """The recurrence, one step at a time."""
    dt = functional.softplus(dt + dt_bias[:, None])
    state, outputs = torch.zeros(x.shape[0], *A.shape, dtype=x.dtype), []
    for t in range(x.shape[-1]):
        decay = torch.exp(dt[:, :, t, None] * A)
        state = decay * state + (dt[:, :, t] * x[:, :, t])[..., None] * B[:, None, :, t]
        outputs.append((state * C[:, None, :, t]).sum(dim=-1) + D * x[:, :, t])
    return torch.stack(outputs, dim=-1) * functional.silu(z)


def compared(function, arguments, weight):
    """Output, and gradients of its weighted sum by all arguments."""
    y = function(*arguments)
    return [y, *torch.autograd.grad((y * weight.to(y.dtype)).sum(), arguments)]


def largest_error(found, wanted):
    """By tensor: largest difference as a share of the largest number."""
    pairs = zip(("y", *NAMES), found, wanted, strict=True)
    with torch.no_grad():
        return {name: float((a.double() - b).abs().max() / b.abs().max().clamp(min=1e-30)) for name, a, b in pairs}


@pytest.mark.parametrize(
    ("batch", "channels", "states", "length"),
    [(1, 1, 1, 1), (2, 3, 4, 2), (3, 5, 16, 17), (1, 7, 3, 331), (2, 32, 16, 1001), (1, 1024, 16, 37)],
)
def test_values_and_gradients_are_those_of_the_recurrence(batch, channels, states, length):
    arguments = inputs(batch, channels, states, length)
    exact = [value.detach().double().requires_grad_() for value in arguments]
    weight = torch.randn(batch, channels, length, generator=torch.Generator().manual_seed(1))
    errors = largest_error(compared(scan, arguments, weight), compared(step_by_step, exact, weight))
    assert max(errors.values()) < 2e-6, errors


def test_gradients_are_the_slopes():
    arguments = inputs(2, 2, 3, 19, torch.float64)
    assert torch.autograd.gradcheck(scan, arguments, eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("numbers", [1, 200, 5000])
def test_where_the_blocks_end_does_not_matter(numbers, monkeypatch):
    arguments = inputs(1, 4, 4, 150, torch.float64)
    weight = torch.ones(1, 4, 150)
    whole = compared(scan, arguments, weight)
    monkeypatch.setitem(module.BLOCK_NUMBERS, "cpu", numbers)
    monkeypatch.setattr(module, "STEPS_PER_CHUNK", 7)
    monkeypatch.setattr(module, "WIDE_STATE", 16 if numbers == 200 else 1 << 14)
    assert max(largest_error(compared(scan, arguments, weight), whole).values()) < 1e-12


def test_strong_decay_forgets_and_does_not_overflow():
    # dt A = -5000 per step: a cumulative sum of it over 100 steps, taken back by exp, is infinite in any format
    x, dt, A, B, C, *_ = inputs(1, 2, 3, 100)
    y = selective_scan(x, torch.full_like(dt, 50.0), torch.full_like(A, -100.0), B, C)
    alone = 50.0 * x * (B * C).sum(dim=1, keepdim=True)  # every step sees itself only
    assert torch.allclose(y, alone, rtol=1e-5)
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(y.sum(), (x, B, C)))


def test_no_decay_is_a_running_sum():
    x, dt, A, B, C, *_ = inputs(2, 3, 1, 257, torch.float64)
    one = torch.ones_like(dt)
    y = selective_scan(x, one, torch.zeros_like(A), torch.ones_like(B), torch.ones_like(C))
    assert torch.allclose(y, x.cumsum(dim=-1))


def test_later_tokens_do_not_reach_earlier_ones():
    x, *others = inputs(1, 3, 4, 60)
    changed = x.detach().clone()
    changed[..., 41:] += 1.0
    before, after = scan(x, *others), scan(changed, *others)
    assert torch.equal(before[..., :41], after[..., :41]) and not torch.equal(before[..., 41:], after[..., 41:])


def test_bfloat16_is_computed_in_float32_and_rounded_once():
    arguments = [value.detach().to(torch.bfloat16) for value in inputs(2, 8, 16, 400)]
    exact = [value.double() for value in arguments]
    found, wanted = scan(*arguments), step_by_step(*exact)
    assert found.dtype == torch.bfloat16
    half_step = 2.0**-8  # of a number with eight significant bits
    assert ((found.double() - wanted).abs() <= half_step * wanted.abs() * 1.01 + 1e-5).all()
    with torch.autocast("cpu", dtype=torch.bfloat16):  # nor does autocast make the states coarser
        wide = scan(*(value.float() for value in arguments))
    assert wide.dtype == torch.float32 and torch.allclose(wide.double(), wanted, rtol=1e-4, atol=1e-5)


def test_gradients_under_autocast_are_as_fine():
    arguments = inputs(1, 4, 16, 200)
    exact = [value.detach().double().requires_grad_() for value in arguments]
    weight = torch.ones(1, 4, 200)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = compared(scan, arguments, weight)
    errors = largest_error(found, compared(step_by_step, exact, weight))
    assert max(errors.values()) < 2e-6, errors


def test_memory_kept_for_the_backward_pass_does_not_hold_the_states(monkeypatch):
    monkeypatch.setitem(module.BLOCK_NUMBERS, "cpu", 1 << 12)
    kept = []
    for length in (512, 1024):
        saved = 0

        def count(tensor):
            nonlocal saved
            saved += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            scan(*inputs(1, 8, 16, length))
        kept.append(saved / length)
    assert kept[0] == pytest.approx(kept[1], rel=0.05)  # linear in the length ...
    assert kept[1] < 8 * 16  # ... and per step less than the states of one step


@pytest.mark.parametrize("name", ["dt", "A", "B", "C"])
def test_wrong_shapes_are_named(name):
    values = dict(zip(NAMES[:5], inputs(2, 3, 4, 5)[:5], strict=True))
    values[name] = values[name][..., :-1] if name != "A" else values[name][:-1]
    with pytest.raises(ValueError, match=rf"^{name} must have shape"):
        selective_scan(**values)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="of nothing"):
        scan(*inputs(1, 2, 3, 0))


@pytest.mark.skipif(not torch.cuda.is_available() or kernel() is None, reason="needs a GPU and mamba_ssm")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_and_plain_torch_agree(dtype):
    arguments = [value.detach().cuda() for value in inputs(2, 64, 16, 1001)]
    arguments = [v if v.ndim < 3 else v.to(dtype) for v in arguments]
    arguments = [value.requires_grad_() for value in arguments]
    weight = torch.randn(2, 64, 1001, device="cuda")
    plain = compared(lambda *a: scan(*a, use_kernel=False), arguments, weight)
    fast = compared(scan, arguments, weight)
    tolerance = 1e-4 if dtype == torch.float32 else 4 * 2.0**-8
    errors = largest_error(fast, [value.double() for value in plain])
    assert max(errors.values()) < tolerance * math.sqrt(2), errors
