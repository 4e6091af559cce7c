"""What the figures of synthetic cases say, in words: for their page and for the report."""

import pandas as pd

from ichor.report import numbers

SPACES = {"radiomic": "radiomic features", "classifier": "the classifier's features"}
QUANTITIES = {
    "n_train": ("Train patients", "with a readable scan and mask; the generator may have seen them all"),
    "n_candidates": ("Cases made", ""),
    "n_accepted": ("Cases accepted", "these are trained on"),
    "n_refused": ("Cases refused", "too close to a patient, or not readable"),
    "refusal_distance": ("Refusal limit", "a case that is closer to a train patient is refused"),
    "nearest_synthetic": ("Nearest patient of an accepted case", "median distance"),
    "nearest_real": ("Nearest other patient of a train patient", "median distance"),
    "nearest_is_parent": ("Nearest patient is one of its parents", "share of the accepted cases"),
    "membership_auc": (
        "Membership AUC",
        "probability that of a train and a tune patient the train patient is closer to the accepted cases; 0.5 = "
        "nothing leaks",
    ),
    "membership_auc_candidates": ("Membership AUC, refused cases too", "what the generator itself gives away"),
    "volume_ml_real": ("Hematoma volume, train patients, mL", "median"),
    "volume_ml_synthetic": ("Hematoma volume, accepted cases, mL", "median"),
    "volume_ml_ks": ("Difference of the volume distributions", "Kolmogorov-Smirnov: 0 = the same, 1 = no overlap"),
    "volume_ml_ks_p": ("its p value", ""),
    "hu_mean_real": ("Mean HU of the hematoma, train patients", "median"),
    "hu_mean_synthetic": ("Mean HU of the hematoma, accepted cases", "median"),
    "hu_mean_ks": ("Difference of the HU distributions", "Kolmogorov-Smirnov"),
    "hu_mean_ks_p": ("its p value", ""),
}
"""Name and meaning of each quantity of the table ``worth``."""
for _key, _space in SPACES.items():
    QUANTITIES |= {
        f"{_key}_frechet": (
            f"Fréchet distance, {_space}",
            "accepted cases against as many train patients of that label",
        ),
        f"{_key}_frechet_halves": ("the same of real against real", "two random halves of these train patients"),
        f"{_key}_mmd": (f"Squared MMD, {_space}", "unbiased; 0 = alike"),
        f"{_key}_mmd_halves": ("the same of real against real", "two random halves"),
        f"{_key}_mmd_p": ("p value that both are alike", "permutation test"),
    }
COUNTS = ("n_train", "n_candidates", "n_accepted", "n_refused")


def table(worth: pd.DataFrame) -> list[dict]:
    """Rows for a page, in the order of `QUANTITIES`: name, meaning, value, interval, n, why (if empty)."""
    rows = []
    for own in worth.itertuples():
        name, meaning = QUANTITIES.get(own.quantity, (own.quantity, ""))
        digits = 0 if own.quantity in COUNTS else 3 if own.quantity.endswith(("_p", "_mmd", "_halves")) else 2
        absent = numbers.missing(own.estimate)
        rows.append(
            {
                "key": own.quantity,
                "name": name,
                "meaning": meaning,
                "value": numbers.p_value(own.estimate)
                if own.quantity.endswith("_p")
                else numbers.plain(own.estimate, digits),
                "interval": numbers.interval(own.low, own.high, digits),
                "n": "" if own.quantity in COUNTS else numbers.count(own.n),
                "why": numbers.short_why(own.reason) if absent else "",
            }
        )
    order = list(QUANTITIES)
    return sorted(rows, key=lambda row: order.index(row["key"]) if row["key"] in order else len(order))


def sentences(worth: pd.DataFrame, region: str | None = None) -> list[str]:
    """What the figures of one generator and split do and do not support.

    Parameters
    ----------
    worth : DataFrame
        Rows of the table ``worth`` of one generator and split.
    region : {"lesion", "crop"}, optional
        What was compared.
    """
    of = {row.quantity: row for row in worth.itertuples()}
    said = [_counts(of), _distances(of, region), _membership(of.get("membership_auc"))]
    said += [_space(of, key, words) for key, words in SPACES.items()]
    return [sentence for sentence in said if sentence]


def leaks(worth: pd.DataFrame) -> bool:
    """Whether the data show that train patients can be told from others by the accepted cases."""
    own = worth[worth["quantity"] == "membership_auc"]
    if own.empty or numbers.missing(own.iloc[0]["estimate"]):
        return False
    row = own.iloc[0]
    return float(row["estimate"] if numbers.missing(row["low"]) else row["low"]) > 0.5


def _value(of: dict, name: str) -> float | None:
    row = of.get(name)
    return None if row is None or numbers.missing(row.estimate) else float(row.estimate)


def _counts(of: dict) -> str:
    made, kept, refused = (_value(of, name) for name in ("n_candidates", "n_accepted", "n_refused"))
    if made is None or kept is None or refused is None:
        return ""
    if made == 0:
        return "No synthetic case was made."
    none = "None was refused." if not refused else f"{refused:.0f} {'was' if refused == 1 else 'were'} refused."
    return f"{made:.0f} {'case was' if made == 1 else 'cases were'} made and {kept:.0f} accepted. {none}"


def _distances(of: dict, region: str | None) -> str:
    made, real = _value(of, "nearest_synthetic"), _value(of, "nearest_real")
    if made is None or real is None:
        return ""
    what = {"crop": "Compared is the whole crop, because the lesions are deformed real ones by design. "}.get(
        region, ""
    )
    return (
        f"{what}The middle accepted case lies {numbers.plain(made)} from the train patient nearest to it; "
        f"the middle train patient lies {numbers.plain(real)} from the nearest other one."
    )


def _membership(row) -> str:
    if row is None or numbers.missing(row.estimate):
        return "" if row is None else f"Whether cases give away who was trained on is not known: {_why(row)}"
    stated = f"AUC {numbers.plain(row.estimate)}"
    if numbers.missing(row.low):
        surely = "" if row.estimate <= 0.5 else " Every train patient is closer to a case than any tune patient is."
        return f"Membership: {stated}, without an interval.{surely if row.estimate == 1 else ''}"
    stated += f", {numbers.interval(row.low, row.high)}"
    if row.low > 0.5:
        found = "train patients lie closer to them than tune patients do"
        return f"The cases give away who was trained on: {found} ({stated})."
    if row.high < 0.5:
        return f"Train patients lie further from the cases than tune patients do ({stated}); that is no copying."
    return (
        f"It is not shown that cases give away who was trained on ({stated}; {numbers.count(row.n)} patients). "
        "A leak of a few patients can go unseen in this figure."
    )


def _space(of: dict, key: str, words: str) -> str:
    own, halves = of.get(f"{key}_frechet"), of.get(f"{key}_frechet_halves")
    if own is None or halves is None:
        return ""
    if numbers.missing(own.estimate) or numbers.missing(halves.estimate):
        return f"Too few cases for distances in the space of {words}."
    further = "further apart than" if own.low > halves.high else "not shown to be further apart than"
    return (
        f"In the space of {words}, accepted cases and train patients are {further} two halves of these patients "
        f"are from each other (Fréchet distance {numbers.plain(own.estimate)} against "
        f"{numbers.plain(halves.estimate)}, {numbers.count(own.n)} in each group)."
    )


def _why(row) -> str:
    words = numbers.short_why(row.reason)
    return words[0].lower() + words[1:]
