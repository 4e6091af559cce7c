import numpy as np
import torch

from ichor.explain.methods import Effort, attribute
from ichor.explain.rollout import is_flat, rollout, seen_attention, transformer_of


def test_rows_of_a_rollout_sum_to_one_and_follow_the_definition():
    first, second = torch.rand(2, 3, 5, 5).softmax(dim=-1)
    made = rollout([first, second])
    torch.testing.assert_close(made.sum(dim=-1), torch.ones(3, 5))
    identity = torch.eye(5)
    expected = (0.5 * second + 0.5 * identity) @ (0.5 * first + 0.5 * identity)
    torch.testing.assert_close(made, expected)


def test_tokens_that_look_at_themselves_only_keep_their_place():
    torch.testing.assert_close(rollout([torch.eye(4)[None]] * 3), torch.eye(4)[None])


def test_attention_that_is_seen_is_that_of_the_queries_and_keys(vit, channels):
    _, network = vit
    attentions, own = seen_attention(network, channels[None])
    assert len(attentions) == len(transformer_of(network).blocks)
    for attention in attentions:
        torch.testing.assert_close(attention.sum(dim=-1), torch.ones(attention.shape[:2]))
        assert attention.std() > 1e-4
    taken = []
    block = transformer_of(network).blocks[0]
    handle = block.attn.register_forward_hook(lambda _layer, given, _made: taken.append(given[0]))
    with torch.no_grad():
        fused = network(channels[None])
        torch.testing.assert_close(own(channels[None]), fused, atol=1e-5, rtol=1e-4)
    handle.remove()
    inside = block.attn
    batch, tokens, width = taken[0].shape
    queries, keys, _ = inside.qkv(taken[0]).reshape(batch, tokens, 3, inside.num_heads, -1).permute(2, 0, 3, 1, 4)
    scores = inside.q_norm(queries) @ inside.k_norm(keys).transpose(-2, -1) / np.sqrt(width / inside.num_heads)
    torch.testing.assert_close(attentions[0], scores.softmax(dim=-1).mean(dim=1), atol=1e-5, rtol=1e-4)


def test_a_map_sums_to_one_and_is_even_inside_a_patch(vit, channels, inputs):
    form, network = vit
    image, masks = attribute("attention_rollout", network, channels, inputs, Effort())
    assert image.shape == (16, 16, 8) and masks == 0.0
    np.testing.assert_allclose(image.sum(), 1.0, rtol=1e-5)
    assert image.min() >= 0 and np.ptp(image) > 0
    patches = image.reshape(4, 4, 4, 4, 8)
    assert np.ptp(patches, axis=(1, 3)).max() < 1e-9
    assert is_flat(network) == (form == "slices")
    if form == "slices":
        assert np.ptp(image, axis=2).max() == 0, "a patch holds all slices"
    if form == "volume":
        assert np.ptp(patches.reshape(4, 4, 4, 4, 2, 4), axis=5).max() < 1e-9


def test_slices_get_the_attention_that_pools_them(small_vit, channels, inputs):
    network = small_vit("tokens")
    image, _ = attribute("attention_rollout", network, channels, inputs, Effort())
    with torch.no_grad():
        vectors = network.transformer(channels.permute(3, 0, 1, 2))
        attention = network.score(vectors[None]).softmax(dim=1)[0, :, 0]
    np.testing.assert_allclose(image.sum(axis=(0, 1)), attention, atol=1e-5)
    assert attention.std() > 1e-3


def test_the_network_keeps_its_fused_attention_and_no_hooks(vit, channels, inputs):
    _, network = vit
    before = [block.attn.fused_attn for block in transformer_of(network).blocks]
    attribute("attention_rollout", network, channels, inputs, Effort())
    assert [block.attn.fused_attn for block in transformer_of(network).blocks] == before
    assert not any(layer._forward_hooks for layer in network.modules())
