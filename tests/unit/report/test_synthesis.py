"""The page of a generator and the section of the report: figures are there, sentences say what intervals support."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ichor import tables
from ichor.report import synthesis_section, synthesis_words
from ichor.report.synthesis_page import OUTLINES, PIXELS, draw_distances, picture, write_synthesis_page

FIGURES = {
    "n_train": (40, None, None, None),
    "n_candidates": (12, None, None, None),
    "n_accepted": (10, None, None, None),
    "n_refused": (2, None, None, None),
    "refusal_distance": (0.21, None, None, 40),
    "nearest_synthetic": (0.52, 0.44, 0.6, 10),
    "nearest_real": (0.5, 0.45, 0.55, 40),
    "membership_auc": (0.55, 0.42, 0.68, 60),
    "membership_auc_candidates": (0.6, 0.47, 0.73, 60),
    "radiomic_frechet": (9.0, 7.0, 11.0, 8),
    "radiomic_frechet_halves": (5.0, 3.0, 6.5, 8),
    "radiomic_mmd_p": (0.0004, None, None, 50),
}


def worth(generator="trial", split="external", **changed):
    rows = [
        {"split": split, "generator": generator, "quantity": name, "estimate": e, "low": low, "high": high, "n": n}
        for name, (e, low, high, n) in (FIGURES | changed).items()
    ]
    return tables.frame("worth", rows)


def slices(bright):
    """A bleed on the patient's left (first axis: to the right), in front."""
    image, mask = np.full((96, 96, 3), 30, np.int16), np.zeros((96, 96, 3), bool)
    mask[16:32, 60:80] = True
    image[mask] = bright
    return image, mask


def pair(case, outcome, parents=(3, 7), neighbour=7):
    made, real = slices(60), slices(70)
    return SimpleNamespace(
        case=case, outcome=outcome, distance=0.1234, mirrored=True, neighbour=neighbour, parents=parents,
        synthetic_hu=made[0], synthetic_mask=made[1], real_hu=real[0], real_mask=real[1],
    )  # fmt: skip


def write(path, pairs, figures):
    distances = pd.DataFrame(
        {"group": ["real"] * 40 + ["accepted"] * 10 + ["refused"] * 2, "distance": np.linspace(0.1, 1, 52)}
    )
    write_synthesis_page(
        path,
        study={"title": "Made-up study", "simulated": True},
        generator="trial",
        kind="transplant",
        split="external",
        worth=figures,
        distances=distances,
        pairs=pairs,
        facts={"region": "crop", "refusal_distance": 0.21, "quantile": 0.01},
    )
    return path.read_text(encoding="utf-8")


def test_the_page_needs_no_other_file_and_shows_each_pair_with_order_numbers_only(tmp_path):
    shown = [pair("trial-external-00001", "refused"), pair("trial-external-00002", "accepted", parents=(), neighbour=2)]
    text = write(tmp_path / "page.html", shown, worth())
    assert "Simulated patients" in text and "<script" not in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert text.count("data:image/png;base64,") == 4
    assert (
        "made from train patients no. 3 and no. 7" in text
        and "train patient no. 7, one of its parents, mirrored" in text
    )
    assert "its generator learned from all train patients" in text
    assert text.index("trial-external-00001") < text.index('id="accepted"') < text.index("trial-external-00002")
    assert "0.12" in text and "whole crop" in text and "&lt; 0.001" in text


def test_every_quantity_of_the_table_stands_on_the_page(tmp_path):
    rows = synthesis_words.table(worth(unheard_of=(1.5, None, None, None)))
    assert [row["key"] for row in rows][-1] == "unheard_of"
    assert {row["key"] for row in rows} == {*FIGURES, "unheard_of"}
    text = write(tmp_path / "page.html", [], worth())
    assert all(row["name"].replace("’", "'") in text.replace("’", "'") for row in rows[:-1])
    assert "There is no case that could be shown" in text


def test_a_picture_has_the_patients_left_on_the_right_and_its_front_on_top_with_a_colored_outline():
    made = np.asarray(Image.open(io.BytesIO(picture(*slices(70), OUTLINES["real"]))).convert("RGB")).astype(int)
    assert made.shape == (PIXELS, 3 * PIXELS, 3)
    first = made[:, :PIXELS]
    outline = np.argwhere(first[:, :, 2] - first[:, :, 0] > 60)
    assert len(outline) > 50
    rows, columns = outline.mean(axis=0) / PIXELS
    assert rows == pytest.approx(1 - 70 / 96, abs=0.02) and columns == pytest.approx(1 - 24 / 96, abs=0.02)


def test_the_histogram_names_medians_and_survives_an_empty_table():
    distances = pd.DataFrame({"group": ["real", "real", "accepted"], "distance": [0.4, 0.6, 0.7]})
    drawn = draw_distances(distances, 0.2, simulated=False).render()
    assert "median 0.50" in drawn and "median 0.70" in drawn and "refused below" in drawn
    assert "nothing to compare" in draw_distances(distances[:0], 0.2, simulated=False).render()


@pytest.mark.parametrize(
    ("auc", "leaks", "words"),
    [
        ((0.55, 0.42, 0.68, 60), False, "It is not shown that cases give away"),
        ((0.8, 0.7, 0.9, 60), True, "The cases give away who was trained on"),
        ((0.3, 0.2, 0.4, 60), False, "that is no copying"),
        ((1.0, None, None, 60), True, "Every train patient is closer"),
        ((None, None, None, None), False, "is not known"),
    ],
)
def test_sentences_of_the_membership_say_what_the_interval_supports(auc, leaks, words):
    figures = worth(membership_auc=auc)
    figures.loc[figures["estimate"].isna(), "reason"] = "no_tune_rows"
    assert synthesis_words.leaks(figures) is leaks
    assert any(words in sentence for sentence in synthesis_words.sentences(figures))
    stated = synthesis_section.section(figures)["sentence"]
    assert ("trial (split external) give away" in stated) is leaks


@pytest.mark.parametrize(
    ("figure", "words"),
    [((9.0, 7.0, 11.0, 8), "are further apart than"), ((6.0, 4.0, 9.0, 8), "not shown to be further")],
)
def test_a_distance_is_read_against_that_of_two_halves(figure, words):
    said = synthesis_words.sentences(worth(radiomic_frechet=figure))
    assert any(words in sentence and "radiomic" in sentence for sentence in said)


def test_the_section_has_a_row_for_each_generator_and_split_with_its_page_and_none_without_synthesis():
    both = pd.concat([worth(), worth(split="cv-0"), worth(generator="other")], ignore_index=True)
    made = synthesis_section.section(both, {"trial/external": "../synthetic/trial/external/page.html"})
    assert [row["cells"][:5] for row in made["table"]["rows"]] == [
        ["other", "external", "12", "2", "10"],
        ["trial", "external", "12", "2", "10"],
        ["trial", "cv-0", "12", "2", "10"],
    ]
    assert made["table"]["rows"][0]["cells"][7] == {"text": "0.55", "small": ["0.42 to 0.68"], "code": False}
    assert [entry["page"] for entry in made["each"]] == ["", "../synthetic/trial/external/page.html", ""]
    assert synthesis_section.section(tables.empty("worth")) is None
