"""Errors of an ordered answer, for example a GCS group: MAE, RMSE, weighted kappa and the UOC index.

All of them follow from the table of true by predicted classes, so a bootstrap needs that table of each resample alone.
"""

import numpy as np

from ichor.evaluation.bootstrap import Resamples
from ichor.evaluation.intervals import Estimate, undefined
from ichor.reasons import Reason

BETAS = np.linspace(0.0, 1.0, 1001)
"""Weights of the UOC index that it is averaged over."""
ABSENT = ("leave_out", "uniform", "diagonal")
CHUNK = 4_000_000


def class_table(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Patients by true class (rows) and predicted class (columns), shape (classes, classes).

    Raises
    ------
    ValueError
        If the arrays are no equal vectors or hold anything but whole numbers from 0 to ``classes - 1``.
    """
    truth, found = _whole(labels, classes), _whole(predicted, classes)
    if truth.shape != found.shape:
        raise ValueError(f"labels {truth.shape} and predicted {found.shape} must be two equal vectors")
    return np.bincount(truth * classes + found, minlength=classes**2).reshape(classes, classes).astype(float)


def mae(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error in classes; both arrays have shape (n,). NaN for no rows."""
    return float(_mean_absolute(_own_table(labels, predicted)))


def rmse(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Root of the mean squared error in classes: one root, whatever a library's own flag for it does. NaN for no rows.

    The root of a root, which has been printed for this, is larger below 1 and smaller above.
    """
    return float(_root_mean_square(_own_table(labels, predicted)))


def weighted_kappa(labels: np.ndarray, predicted: np.ndarray, classes: int, weights: str = "quadratic") -> float:
    """Cohen's weighted kappa (Cohen, Psychol Bull 1968;70:213-220): 1 is full agreement, 0 that of chance.

    Parameters
    ----------
    labels, predicted : array of int, shape (n,)
        Classes from 0 to ``classes - 1``.
    classes : int
        Number of classes.
    weights : {"quadratic", "linear"}
        How a disagreement grows with its distance.

    Returns
    -------
    float
        NaN where chance cannot disagree: no rows, or one class in truth and answers.
    """
    power = {"linear": 1, "quadratic": 2}[weights]
    return float(_kappa(class_table(labels, predicted, classes), power))


def uoc_index(labels: np.ndarray, predicted: np.ndarray, classes: int, absent: str = "leave_out") -> float:
    """Uniform ordinal classification index: 0 for no error, towards 1 the more and the farther they are.

    Each true class counts the same, however many patients it has, and answers that keep the order of the classes are
    forgiven more than others: with p the table of shares of each true class, D the sum of p times the distance and K
    the number of classes, it is 1 plus the cheapest path from the first to the last class of the costs
    -p / (D + K) + beta / K * p * distance, by steps right, down or both; averaged over beta from 0 to 1.

    Parameters
    ----------
    labels, predicted : array of int, shape (n,)
        Classes from 0 to ``classes - 1``.
    classes : int
        Number of classes.
    absent : {"leave_out", "uniform", "diagonal"}
        A class that nobody has: counts neither in p nor in K (default), was answered by all classes alike, or was
        answered without error.

    Returns
    -------
    float
        NaN for no rows.

    Notes
    -----
    Silva W, Ribeiro Pinto J, Cardoso JS, A uniform performance index for ordinal classification with imbalanced
    classes, IJCNN 2018, DOI 10.1109/IJCNN.2018.8489327; the variant that is the area under the index over beta. The
    paper's text was not at hand: the formula is that of two public programs which name it as their source.
    """
    if absent not in ABSENT:
        raise ValueError(f"absent = {absent!r} is none of {', '.join(ABSENT)}")
    return float(_uoc(class_table(labels, predicted, classes)[None], absent)[0])


def ordinal_measures(
    labels: np.ndarray, predicted: np.ndarray, classes: int, resamples: Resamples
) -> dict[str, Estimate]:
    """All of them with bootstrap intervals.

    Parameters
    ----------
    labels, predicted : array of int, shape (n,)
        Classes from 0 to ``classes - 1``, in order.
    classes : int
        Number of classes.
    resamples : Resamples
        Of these rows.

    Returns
    -------
    dict
        ``mae``, ``rmse``, ``weighted_kappa`` (quadratic), ``uoc_index``, ``accuracy``; missing with a reason where
        undefined.
    """
    whole = class_table(labels, predicted, classes)
    cell = _whole(labels, classes) * classes + _whole(predicted, classes)
    cells = np.eye(classes**2)[cell]  # (n, classes ** 2)
    found = {}
    for name, statistic in _STATISTICS.items():
        value = float(statistic(whole[None])[0])
        if np.isnan(value):
            found[name] = undefined(Reason.ONE_CLASS if len(cell) else Reason.EMPTY_DENOMINATOR)
            continue
        found[name] = resamples.interval(
            value, lambda weights, statistic=statistic: statistic((weights @ cells).reshape(-1, classes, classes))
        )
    return found


def _whole(values: np.ndarray, classes: int) -> np.ndarray:
    given = np.asarray(values)
    whole = given.astype(int) if given.size else np.empty(0, dtype=int)
    if given.ndim != 1 or (whole != given).any() or (whole < 0).any() or (whole >= classes).any():
        raise ValueError(f"classes must be a vector of whole numbers from 0 to {classes - 1}")
    return whole


def _own_table(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    classes = int(max(labels.max(), predicted.max())) + 1 if labels.size and predicted.size else 1
    return class_table(labels, predicted, classes)


def _distances(classes: int) -> np.ndarray:
    return np.abs(np.subtract.outer(np.arange(classes), np.arange(classes)))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean_absolute(tables: np.ndarray) -> np.ndarray:
    return _ratio((tables * _distances(tables.shape[-1])).sum(axis=(-2, -1)), tables.sum(axis=(-2, -1)))


def _root_mean_square(tables: np.ndarray) -> np.ndarray:
    squares = (tables * _distances(tables.shape[-1]) ** 2).sum(axis=(-2, -1))
    return np.sqrt(_ratio(squares, tables.sum(axis=(-2, -1))))


def _accuracy(tables: np.ndarray) -> np.ndarray:
    return _ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def _kappa(tables: np.ndarray, power: int = 2) -> np.ndarray:
    distances = _distances(tables.shape[-1]) ** power
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :]
    by_chance = _ratio((expected * distances).sum(axis=(-2, -1)), tables.sum(axis=(-2, -1)))
    return 1.0 - _ratio((tables * distances).sum(axis=(-2, -1)), by_chance)


def _uoc(tables: np.ndarray, absent: str = "leave_out") -> np.ndarray:
    """UOC index of each table, shape (tables, classes, classes) -> (tables,)."""
    classes = tables.shape[-1]
    step = max(1, CHUNK // (BETAS.size * classes))
    parts = [_uoc_of_few(tables[start : start + step], absent) for start in range(0, len(tables), step)]
    return np.concatenate(parts) if parts else np.empty(0)


def _uoc_of_few(tables: np.ndarray, absent: str) -> np.ndarray:
    classes = tables.shape[-1]
    sizes = tables.sum(axis=2)
    nobody = sizes == 0
    shares = tables / np.where(nobody, 1.0, sizes)[:, :, None]
    if absent == "uniform":
        shares = np.where(nobody[:, :, None], 1.0 / classes, shares)
    elif absent == "diagonal":
        shares = np.where(nobody[:, :, None], np.eye(classes), shares)
    present = (~nobody).sum(axis=1) if absent == "leave_out" else np.full(len(tables), classes)
    counted = np.maximum(present, 1)
    spread = shares * _distances(classes)
    gain = shares / (spread.sum(axis=(1, 2)) + counted)[:, None, None]
    loss = spread / counted[:, None, None]
    # (tables, betas) per cell; the row before is all that a row of the table needs
    above: list[np.ndarray] = []
    for row in range(classes):
        current: list[np.ndarray] = []
        for column in range(classes):
            cost = BETAS * loss[:, row, column, None] - gain[:, row, column, None]
            before = [current[-1]] if column else []
            before += [above[column]] if row else []
            before += [above[column - 1]] if row and column else []
            current.append(cost + (np.minimum.reduce(before) if before else 1.0))
        above = current
    found = np.trapezoid(above[-1], BETAS, axis=1)
    return np.where(nobody.all(axis=1), np.nan, found)


_STATISTICS = {
    "mae": _mean_absolute,
    "rmse": _root_mean_square,
    "weighted_kappa": _kappa,
    "uoc_index": _uoc,
    "accuracy": _accuracy,
}
