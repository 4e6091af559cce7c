"""What a bundle says of itself, for tests."""

ABOUT = {
    "name": "tiny",
    "title": "A network for tests",
    "data": "Phantoms.",
    "source": "Made by a test.",
    "licence": "None.",
    "citation": "Nobody.",
    "labels": {"iph": "drawn by a program", "ivh": "drawn by a program", "edema": "drawn by a program"},
    "figures": {"how": "Test rows of two folds.", "rows": [{"label": "iph", "cases": 3, "Dice (median)": 0.91234}]},
    "limits": ["Phantoms only."],
    "failures": ["It fails."],
}
