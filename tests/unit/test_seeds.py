import hashlib

from ichor.seeds import seed_for


def test_the_seed_is_the_head_of_a_sha256_so_it_is_the_same_everywhere():
    expected = int.from_bytes(hashlib.sha256(b"7\x1fvit\x1fexternal").digest()[:4], "big")
    assert seed_for(7, "vit", "external") == expected


def test_names_do_not_run_into_each_other_and_order_counts():
    assert len({seed_for(1, "ab", "c"), seed_for(1, "a", "bc"), seed_for(1, "c", "ab"), seed_for(2, "ab", "c")}) == 4
