import pytest

from ichor.cohort.coma_scale import ComaScale, read_coma_scale


@pytest.mark.parametrize(
    ("text", "total", "intubated"),
    [
        ("E4V5M6", 15, False),
        ("e3 v4 m6", 13, False),
        ("E3,V4,M5 = 12", 12, False),
        ("E1V1M1", 3, False),
        ("E1VTM4", 6, True),
        ("E3V1tM5", 9, True),
        ("E2VNTM5", 8, True),
        ("E1 V(T) M4", 6, True),
        ("E4VTM6 = 10T", 11, True),  # 10 without, 11 with 1 for the verbal part
        ("E4VTM6 = 11T", 11, True),
        ("3T", 3, True),
        ("10t", 10, True),
        ("11 (T)", 11, True),
    ],
)
def test_what_is_read(text, total, intubated):
    assert read_coma_scale(text) == ComaScale(total, intubated)


@pytest.mark.parametrize(
    "text",
    ["14", "2T", "12T", "15T", "T", "E5V5M6", "E4V6M6", "E4V5M7", "E4M6", "E3V4M5=13", "E4VTM6=9T", "10 to 12", ""],
)
def test_what_is_not_read(text):
    assert read_coma_scale(text) is None
