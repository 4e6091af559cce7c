import numpy as np
import pytest
import torch
from torch import nn

from ichor.training.group import Group
from ichor.training.launch import launch
from ichor.training.whole_batches import BatchNormOverProcesses, see_whole_batches

from . import work_together


def test_the_processes_compute_what_one_computes(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path.joinpath(work_together.__file__).parent))
    torch.manual_seed(5)
    one = work_together.figures(Group())
    assert any(name.startswith("densenet state features.norm5.running_var") for name in one)
    for network in ("mixed", "densenet"):
        logits = one[f"{network} logits"]
        assert (abs(logits[0] - logits[1]) > 1e-4).all(), "dropout does something"
    launch("work_together", {"do": "figures", "folder": str(tmp_path)}, processes=2, device="cpu", threads=1)
    several = [np.load(tmp_path / f"{rank}.npz") for rank in range(2)]
    for name, array in one.items():
        np.testing.assert_allclose(
            several[0][name], array, rtol=0, atol=1e-7, err_msg=name
        )  # AdamW divides by tiny gradients
        np.testing.assert_array_equal(several[1][name], several[0][name], err_msg=name)


def test_weights_keep_their_names_and_a_single_process_its_layers():
    network, group = work_together.Mixed(), Group(1, 2)
    names = list(network.state_dict())
    see_whole_batches(network, Group())
    assert isinstance(network.first[1], nn.BatchNorm3d) and isinstance(network.first[2], nn.Dropout3d)
    weight = network.first[1].weight
    see_whole_batches(network, group)
    assert isinstance(network.first[1], BatchNormOverProcesses) and network.first[1].weight is weight
    assert list(network.state_dict()) == names


def test_on_gpus_torch_normalises_over_the_processes():
    network = work_together.Mixed()
    see_whole_batches(network, Group(1, 2, torch.device("cuda", 1)))
    assert isinstance(network.first[1], nn.SyncBatchNorm) and isinstance(network.last[0], nn.SyncBatchNorm)


def test_in_evaluation_each_process_is_on_its_own():
    network, alone = work_together.Mixed().eval(), work_together.Mixed().eval()
    alone.load_state_dict(network.state_dict())
    see_whole_batches(network, Group(1, 2))
    image = torch.ones(2, 1, 3, 4, 5)
    torch.testing.assert_close(network(image), alone(image))


@pytest.mark.parametrize(("rows", "size"), [(7, 2), (8, 3), (5, 5), (2, 3), (0, 2)])
def test_shares_are_all_rows_once_and_near_equal(rows, size):
    shares = [range(rows)[Group(rank, size).share(rows)] for rank in range(size)]
    assert [row for share in shares for row in share] == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
