import torch
from torch.nn import functional

from ichor.segmentation.umamba.mamba import DT_RANGE, Mamba

# Names and shapes of mamba_ssm.Mamba(d_model=32, d_state=16, d_conv=4, expand=2), from its code
SHAPES = {
    "A_log": (64, 16),
    "D": (64,),
    "in_proj.weight": (128, 32),
    "conv1d.weight": (64, 1, 4),
    "conv1d.bias": (64,),
    "x_proj.weight": (34, 64),
    "dt_proj.weight": (64, 2),
    "dt_proj.bias": (64,),
    "out_proj.weight": (32, 64),
}


def token_by_token(block, tokens):
    """The block as a recurrent network: a window of four tokens and a state, one token after the other."""
    weights = block.state_dict()
    channels = weights["D"].numel()
    A = -torch.exp(weights["A_log"])
    window = torch.zeros(len(tokens), channels, 4, dtype=tokens.dtype)
    state, outputs = torch.zeros(len(tokens), *A.shape, dtype=tokens.dtype), []
    for token in tokens.unbind(dim=1):
        x, z = (token @ weights["in_proj.weight"].T).split(channels, dim=1)
        window = torch.cat([window[..., 1:], x[..., None]], dim=-1)
        x = functional.silu((window * weights["conv1d.weight"][:, 0]).sum(dim=-1) + weights["conv1d.bias"])
        dt, B, C = (x @ weights["x_proj.weight"].T).split([block.dt_rank, 16, 16], dim=1)
        dt = functional.softplus(dt @ weights["dt_proj.weight"].T + weights["dt_proj.bias"])
        state = torch.exp(dt[..., None] * A) * state + (dt * x)[..., None] * B[:, None]
        y = ((state * C[:, None]).sum(dim=-1) + weights["D"] * x) * functional.silu(z)
        outputs.append(y @ weights["out_proj.weight"].T)
    return torch.stack(outputs, dim=1)


def test_names_and_shapes_are_those_of_mamba_ssm():
    assert {name: tuple(value.shape) for name, value in Mamba(32).state_dict().items()} == SHAPES
    assert Mamba(40).dt_rank == 3  # a sixteenth, rounded up


def test_the_block_is_the_recurrent_network():
    torch.manual_seed(0)
    block = Mamba(32).double()
    for length in (1, 3, 50):
        tokens = torch.randn(2, length, 32, dtype=torch.float64)
        assert torch.allclose(block(tokens), token_by_token(block, tokens), atol=1e-12)


def test_first_values_are_those_of_the_paper():
    torch.manual_seed(0)
    block = Mamba(256)
    dt = functional.softplus(block.dt_proj.bias)
    assert torch.all((dt > DT_RANGE[0] * 0.999) & (dt < DT_RANGE[1] * 1.001))
    logarithm = dt.detach().log10()  # drawn evenly between -3 and -1
    assert abs(float(logarithm.mean()) + 2) < 0.1 and abs(float(logarithm.std()) - 2 / 12**0.5) < 0.05
    assert torch.allclose(-torch.exp(block.A_log)[5], -torch.arange(1.0, 17.0))
    assert torch.equal(block.D, torch.ones(512))
    assert 0.9 * 0.25 < float(block.dt_proj.weight.detach().abs().max()) <= 0.25  # 16 ** -0.5


def test_every_weight_learns():
    torch.manual_seed(0)
    block = Mamba(16)
    block(torch.randn(2, 30, 16)).square().sum().backward()
    assert all(float(weight.grad.abs().max()) > 0 for weight in block.parameters())
