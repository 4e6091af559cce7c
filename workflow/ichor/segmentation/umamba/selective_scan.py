"""The selective scan of Mamba in plain torch, with memory that grows by the states of one block, not of the sequence.

The recurrence (S6, Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752,
equation 2a with the discretisation of section 3.2 as their code does it) is, for every channel d and state n::

    h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] x[t],    y[t] = sum over n of C[t] h[t],    h[-1] = 0

The sequence is worked off in blocks, each cut into chunks of equal length. All chunks of a block take their steps
together: once from zero to see where each of them ends, then, with the true state at each chunk's start, once more for
the states themselves. Only the state at every block's start is kept; the backward pass computes the states of a block
anew and runs the same scheme from its end.

Decay over several steps is always ``exp(A * sum of dt)`` or a product of such numbers, never a quotient. With A < 0 it
lies in [0, 1], so a large ``dt * A`` becomes 0 as it should; the usual shortcut, a cumulative sum of
``b / exp(cumulative sum)``, overflows there.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

STEPS_PER_CHUNK = 16
"""Our choice; 8 and 32 took the same time, within the noise, on one core of an AMD EPYC."""
WIDE_STATE = 1 << 14
"""From so many numbers per step on, a step is work enough for a CPU: one chunk per block, without the first pass."""
BLOCK_NUMBERS = {"cpu": 1 << 19, "cuda": 1 << 26}
"""States held at a time: 2 MB in float32, which stays in a CPU's cache, and 256 MB on a GPU, where steps are few."""


@cache
def kernel():
    """`mamba_ssm`'s CUDA kernel, or None where it is not installed or does not load."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except (ImportError, OSError, RuntimeError):  # not there, or built for another CUDA or torch
        return None
    return selective_scan_fn


def selective_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    use_kernel: bool = True,
) -> Tensor:
    """Run the scan over sequences of any length; differentiable once in every tensor.

    Parameters
    ----------
    x : tensor, shape (batch, channels, length)
        Input; float32, float64, bfloat16 or float16.
    dt : tensor, shape (batch, channels, length)
        Step sizes before `dt_bias` and softplus; positive after them.
    A : tensor, shape (channels, states)
        Decay rates, negative.
    B, C : tensor, shape (batch, states, length)
        Into and out of the state.
    D : tensor, shape (channels,), optional
        ``D x`` is added to the output.
    z : tensor, shape (batch, channels, length), optional
        The output is multiplied by ``silu(z)``.
    dt_bias : tensor, shape (channels,), optional
    dt_softplus : bool
        Whether `dt`, with its bias, goes through softplus.
    use_kernel : bool
        Whether `mamba_ssm`'s kernel is taken for tensors on CUDA if it is installed.

    Returns
    -------
    tensor, shape (batch, channels, length)
        In the type of `x`. The states are float32, or float64 if `x` is, whatever autocast says.
    """
    _check_shapes(x, dt, A, B, C)
    with torch.autocast(x.device.type, enabled=False):
        fast = kernel() if use_kernel and x.is_cuda and x.dtype != torch.float64 else None
        if fast is not None:
            skip, bias = (None if v is None else v.float() for v in (D, dt_bias))
            x, dt, B, C = (v.to(x.dtype).contiguous() for v in (x, dt, B, C))
            gate = None if z is None else z.to(x.dtype).contiguous()
            return fast(x, dt, A.float(), B, C, skip, z=gate, delta_bias=bias, delta_softplus=dt_softplus)
        exact = torch.float64 if x.dtype == torch.float64 else torch.float32
        wide, steps = x.to(exact), dt.to(exact)
        if dt_bias is not None:
            steps = steps + dt_bias.to(exact)[:, None]
        if dt_softplus:
            steps = functional.softplus(steps)
        y = _Scan.apply(wide, steps, A.to(exact), B.to(exact), C.to(exact))
        if D is not None:
            y = y + D.to(exact)[:, None] * wide
        if z is not None:
            y = y * functional.silu(z.to(exact))
        return y.to(x.dtype)


def _check_shapes(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> None:
    if x.ndim != 3 or A.ndim != 2:
        raise ValueError(f"x must have shape (batch, channels, length) and A two axes, found {x.shape} and {A.shape}")
    batch, channels, length = x.shape
    wanted = {"dt": (batch, channels, length), "A": (channels, A.shape[1])}
    wanted |= {name: (batch, A.shape[1], length) for name in "BC"}
    for name, value in zip(("dt", "A", "B", "C"), (dt, A, B, C), strict=True):
        if tuple(value.shape) != wanted[name]:
            raise ValueError(f"{name} must have shape {wanted[name]} for x of {tuple(x.shape)}, found {value.shape}")
    if 0 in (batch, channels, length, A.shape[1]):
        raise ValueError(f"selective scan of nothing: x has shape {tuple(x.shape)}, A {tuple(A.shape)}")


def _layout(x: Tensor, states: int) -> tuple[int, int]:
    """Chunks per block and steps per chunk."""
    batch, channels, length = x.shape
    numbers = batch * channels * states
    steps = max(STEPS_PER_CHUNK, min(length, BLOCK_NUMBERS.get(x.device.type, 1 << 20) // numbers))
    if numbers >= WIDE_STATE and x.device.type == "cpu":
        return 1, steps
    each = STEPS_PER_CHUNK if x.device.type == "cpu" else max(STEPS_PER_CHUNK, int(steps**0.5))
    return max(1, -(-min(steps, length) // each)), each


class _Block:
    """Some steps of the scan, time axes first: (steps of a chunk, chunks, batch, channels or 1, states or 1)."""

    def __init__(self, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, place: slice, chunks: int, steps: int):
        self.place, self.chunks, self.steps = place, chunks, steps
        # Steps beyond the end have dt = 0: decay 1 and input 0, which leave the state as it is.
        self.x, self.dt = (self._cut(v) for v in (x, dt))
        self.B, self.C = (self._cut(v) for v in (B, C))
        self.A = A
        self.drive = self.dt * self.x
        self.decay = (self.dt[..., None] * A).exp_()
        self.decay_of_chunk = (self.dt.sum(dim=0)[..., None] * A).exp_()

    def _cut(self, sequence: Tensor) -> Tensor:
        """(batch, rows, length) to (steps, chunks, batch, rows)."""
        part = sequence[..., self.place]
        part = functional.pad(part, (0, self.chunks * self.steps - part.shape[-1]))
        return part.unflatten(-1, (self.chunks, self.steps)).permute(3, 2, 0, 1).contiguous()

    def join(self, parts: Tensor) -> Tensor:
        """Opposite of the cut."""
        whole = parts.permute(2, 3, 1, 0).flatten(-2)
        return whole[..., : self.place.stop - self.place.start]

    def states(self, before: Tensor) -> tuple[Tensor, Tensor]:
        """States of all steps and those at every chunk's start, from the state before the block."""
        inputs = self.drive[..., None] * self.B[..., None, :]
        starts = before[None]
        if self.chunks > 1:
            end = inputs[0].clone()
            for step in range(1, self.steps):
                torch.addcmul(inputs[step], self.decay[step], end, out=end)
            starts = torch.empty_like(end)
            starts[0] = before
            for chunk in range(1, self.chunks):
                torch.addcmul(end[chunk - 1], self.decay_of_chunk[chunk - 1], starts[chunk - 1], out=starts[chunk])
        previous = starts
        for step in range(self.steps):
            previous = inputs[step].addcmul_(self.decay[step], previous)
        return inputs, starts

    def adjoints(self, outer: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient by every state, and by the state before the block.

        Parameters
        ----------
        outer : tensor, shape (steps, chunks, batch, channels)
            Gradient by the output.
        after : tensor, shape (batch, channels, states)
            Gradient by the block's last state, from what comes later.
        """
        own = outer[..., None] * self.C[..., None, :]
        ends = after[None]
        if self.chunks > 1:
            start = own[-1].clone()
            for step in range(self.steps - 2, -1, -1):
                torch.addcmul(own[step], self.decay[step + 1], start, out=start)
            start *= self.decay[0]
            ends = torch.empty_like(start)
            ends[-1] = after
            for chunk in range(self.chunks - 2, -1, -1):
                torch.addcmul(start[chunk + 1], self.decay_of_chunk[chunk + 1], ends[chunk + 1], out=ends[chunk])
        own[-1] += ends
        for step in range(self.steps - 2, -1, -1):
            own[step].addcmul_(self.decay[step + 1], own[step + 1])
        return own, own[0, 0] * self.decay[0, 0]


def _over_states(states: Tensor, weights: Tensor) -> Tensor:
    """Sum over n of states (..., channels, n) times weights (..., n)."""
    return (states * weights[..., None, :]).sum(dim=-1)  # on a CPU twice as fast as a batch of small products


def _over_channels(states: Tensor, weights: Tensor) -> Tensor:
    """Sum over channels of states (..., channels, n) times weights (..., channels)."""
    return (states * weights[..., None]).sum(dim=-2)


class _Scan(torch.autograd.Function):
    """The recurrence alone: x, dt (batch, channels, length), A (channels, n), B, C (batch, n, length) to y."""

    @staticmethod
    def forward(ctx, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        ctx.chunks, ctx.steps = _layout(x, A.shape[1])
        length, size = x.shape[-1], ctx.chunks * ctx.steps
        state = x.new_zeros((x.shape[0], *A.shape))
        before, parts = [], []
        for first in range(0, length, size):
            block = _Block(x, dt, A, B, C, slice(first, min(length, first + size)), ctx.chunks, ctx.steps)
            before.append(state)
            states, _ = block.states(state)
            parts.append(block.join(_over_states(states, block.C)))
            state = states[-1, -1].clone()
        ctx.save_for_backward(x, dt, A, B, C, torch.stack(before))
        return torch.cat(parts, dim=-1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, outer: Tensor):
        with torch.autocast(outer.device.type, enabled=False):
            return _backward(*ctx.saved_tensors, outer, ctx.chunks, ctx.steps)


def _backward(x, dt, A, B, C, before: Tensor, outer: Tensor, chunks: int, steps: int) -> tuple[Tensor, ...]:
    length, size = x.shape[-1], chunks * steps
    by_x, by_dt, by_A, by_B, by_C = (torch.zeros_like(v) for v in (x, dt, A, B, C))
    after = torch.zeros_like(before[0])
    for number in range(len(before) - 1, -1, -1):
        place = slice(number * size, min(length, (number + 1) * size))
        block = _Block(x, dt, A, B, C, place, chunks, steps)
        states, starts = block.states(before[number])
        by_y = block._cut(outer)
        by_C[..., place] = block.join(_over_channels(states, by_y))
        by_state, after = block.adjoints(by_y, after)
        by_B[..., place] = block.join(_over_channels(by_state, block.drive))
        by_drive = _over_states(by_state, block.B)
        by_x[..., place] = block.join(by_drive * block.dt)
        # What the gradient by the exponent dt A is: gradient by the state, times decay, times the state before.
        by_exponent = by_state.mul_(block.decay)
        by_exponent[1:] *= states[:-1]
        by_exponent[0] *= starts
        by_dt[..., place] = block.join(by_drive * block.x + (by_exponent * A).sum(dim=-1))
        by_A += by_exponent.mul_(block.dt[..., None]).sum(dim=(0, 1, 2))
    return by_x, by_dt, by_A, by_B, by_C
