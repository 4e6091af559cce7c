import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from ichor.synthesis.diffusion.kan import KANLinear, TokenisedKAN, extended_grid, spline_basis

LOW, HIGH, SIZE, ORDER = -1.0, 1.0, 5, 3


def knots():
    return extended_grid(LOW, HIGH, SIZE, ORDER).double()


def test_the_extended_grid_has_equal_steps_and_holds_the_range():
    found = knots().numpy()
    assert len(found) == SIZE + 2 * ORDER + 1
    np.testing.assert_allclose(np.diff(found), (HIGH - LOW) / SIZE, rtol=1e-5)
    np.testing.assert_allclose(found[[ORDER, -ORDER - 1]], [LOW, HIGH], atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_values_and_derivatives_are_those_of_scipy(order):
    grid = knots()
    x = torch.linspace(-2.4, 2.4, 241, dtype=torch.float64, requires_grad=True)
    basis = spline_basis(x, grid, order)
    assert basis.shape == (241, len(grid) - order - 1)
    for index in range(basis.shape[1]):
        spline = BSpline.basis_element(grid[index : index + order + 2].numpy(), extrapolate=False)
        at = x.detach().numpy()
        np.testing.assert_allclose(basis[:, index].detach(), np.nan_to_num(spline(at)), atol=1e-6)
        (slope,) = torch.autograd.grad(basis[:, index].sum(), x, retain_graph=True)
        away_from_knots = np.abs(at[:, None] - grid.numpy()).min(axis=1) > 1e-3  # order 1 has corners there
        expected = np.nan_to_num(spline.derivative()(at))
        np.testing.assert_allclose(slope[away_from_knots], expected[away_from_knots], atol=1e-5)


def test_the_basis_sums_to_one_inside_and_fades_outside():
    step = (HIGH - LOW) / SIZE
    inside = spline_basis(torch.linspace(LOW, HIGH - 1e-6, 101, dtype=torch.float64), knots(), ORDER).sum(-1)
    np.testing.assert_allclose(inside, 1.0, atol=1e-6)
    just_outside = spline_basis(torch.tensor([LOW - step / 2, HIGH + step / 2], dtype=torch.float64), knots(), ORDER)
    assert ((just_outside.sum(-1) > 0) & (just_outside.sum(-1) < 1)).all()
    beyond = torch.tensor([LOW - ORDER * step - 1e-3, HIGH + ORDER * step + 1e-3, 50.0], dtype=torch.float64)
    assert torch.equal(spline_basis(beyond, knots(), ORDER), torch.zeros(3, SIZE + ORDER, dtype=torch.float64))


def test_a_layer_is_the_sum_of_its_functions_of_one_variable():
    torch.manual_seed(1)
    layer = KANLinear(3, 2, (LOW, HIGH))
    x = torch.rand(7, 3) * 1.9 - 0.95
    expected = np.zeros((7, 2))
    for output in range(2):
        for number in range(3):
            of_one = x[:, number].double().numpy()
            coefficients = layer.spline_weight[output, number].detach().double().numpy()
            expected[:, output] += BSpline(layer.knots.double().numpy(), coefficients, ORDER)(of_one)
            expected[:, output] += float(layer.base_weight[output, number].detach()) * of_one / (1 + np.exp(-of_one))
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-5)


def test_far_outside_of_the_grid_a_layer_is_its_silu_branch():
    layer, x = KANLinear(3, 2), torch.full((1, 3), 40.0)
    torch.testing.assert_close(layer(x), x @ layer.base_weight.T)


def test_a_layer_learns_a_curve_that_no_linear_layer_fits():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 64)[:, None]
    wanted, layer = torch.sin(3 * x) ** 2, KANLinear(1, 1, (-1.0, 1.001))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (layer(x) - wanted).pow(2).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * wanted.var()  # of the best line: all of it, the curve is symmetric


@pytest.mark.parametrize("shape", [(2, 8, 4, 6), (2, 8, 4, 6, 3)])
def test_a_block_keeps_the_shape_and_is_the_identity_without_its_norms(shape):
    torch.manual_seed(0)
    block = TokenisedKAN(8, 5, len(shape) - 2, layers=2, groups=4)
    x, embedding = torch.randn(shape), torch.randn(2, 5)
    made = block(x, embedding)
    assert made.shape == shape and not torch.allclose(made, x)
    assert not torch.allclose(made, block(x, embedding + 1))
    torch.nn.init.zeros_(block.norms[-1].weight)
    assert torch.equal(block(x, embedding), x)
