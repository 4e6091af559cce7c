"""Explain a sequence network in one split: sanity gate, and what each value at each step brings to each answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ichor import tables
from ichor.cohort.sequences import SequenceSet
from ichor.errors import StudyError
from ichor.explain import choose, gate, vocabulary
from ichor.explain.course_gate import course_gate, permuted_network
from ichor.explain.course_gradients import course_gradients
from ichor.explain.course_networks import CourseNetworks, SeenCourse
from ichor.explain.course_settings import CourseSettings
from ichor.explain.intervals import mean_interval
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.training import bundle
from ichor.training.sequence_predict import courses_of, load_sequences


@dataclass(frozen=True)
class ExplainedCourses:
    """Tables, named as their schemas."""

    attribution_gate: pd.DataFrame
    course_attributions: pd.DataFrame
    course_importance: pd.DataFrame
    explained_courses: pd.DataFrame


def explain_course(
    steps: pd.DataFrame,
    values: pd.DataFrame,
    cohort: pd.DataFrame,
    risks: pd.DataFrame,
    bundle_dir: str | Path,
    settings: CourseSettings,
    *,
    seed: int,
    device: str = "auto",
    threads: int = 1,
) -> ExplainedCourses:
    """Explain the networks of a bundle.

    Parameters
    ----------
    steps, values, cohort : pandas.DataFrame
        Tables ``trajectory_steps``, ``trajectory_values`` and ``cohort`` of the split.
    risks : pandas.DataFrame
        Table ``trajectory_risks`` of the model in the split.
    bundle_dir : path
        The model.
    settings : CourseSettings
        See there.
    seed : int
        The study's seed.
    device, threads
        As for `ichor.training.sequence_predict.load_sequences`.

    Returns
    -------
    ExplainedCourses
        Empty tables where there is no model to explain.

    Raises
    ------
    ichor.errors.StudyError
        If the model is no network.
    """
    described = bundle.describe(bundle_dir)
    who = {name: described[name] for name in ("task", "model", "split")}
    if described["family"] != "sequence":
        raise StudyError(f"{who['task']}/{who['model']} is no network of time courses")
    if not described["fitted"] or steps.empty or risks.empty:
        return ExplainedCourses(*(tables.empty(own) for own in ExplainedCourses.__annotations__))
    fitted, described = load_sequences(bundle_dir, device, threads)
    sequences = courses_of(steps, values, cohort, described)
    own_seed = seed_for(seed, "explain", *who.values())
    share = settings.permuted_epochs
    permuted = permuted_network(sequences, described["spec"], share, own_seed, device, threads)
    networks = CourseNetworks.of(fitted)
    return explained(networks, sequences, risks, settings, who=who, seed=own_seed, permuted=permuted)


def explained(
    networks: CourseNetworks,
    sequences: SequenceSet,
    risks: pd.DataFrame,
    settings: CourseSettings,
    *,
    who: dict,
    seed: int,
    permuted: nn.Module | None = None,
) -> ExplainedCourses:
    """Explain networks.

    Parameters
    ----------
    networks : CourseNetworks
        Of the model.
    sequences : SequenceSet
        All courses of the split. The gate looks at tune rows (train rows where these are too few), because it decides
        something; all else is of test rows.
    risks, settings
        As for `explain_course`.
    who : dict
        ``task``, ``model`` and ``split``.
    seed : int
        Of the lots and of the random weights.
    permuted : torch.nn.Module, optional
        Network of the same kind that was fitted on permuted labels.

    Returns
    -------
    ExplainedCourses
        The attributions are empty if the gate withheld the method.
    """
    found = course_gate(networks, sequences, settings, seed, permuted)
    target = [name for name in sequences.targets if name in set(risks["target"])][-1]
    pictured = chosen_courses(sequences, risks, target, settings.pictures_per_group)
    verdict = gate.table_rows(found, settings.similarity_limit, vocabulary.COURSE)
    rows, importance = [], []
    if gate.passes(found, settings.similarity_limit):
        tested = sequences.of_role("test")
        tested = tested.take(tested.at_risk.any(axis=1))
        lot = choose.drawn(tested.patients["patient"], settings.patients, seed, "courses")
        asked = tested.take(tested.patients["patient"].isin({*lot, *pictured["patient"]}).to_numpy())
        rows = attributions(networks, asked, settings.steps)
        importance = importances(rows[rows["patient"].isin(lot)], asked) if len(rows) else []
    return ExplainedCourses(
        _table("attribution_gate", verdict.assign(target=target), who),
        _table("course_attributions", rows, who),
        _table("course_importance", importance, who),
        _table("explained_courses", pictured.assign(target=target), who),
    )


def chosen_courses(sequences: SequenceSet, risks: pd.DataFrame, target: str, per_group: int) -> pd.DataFrame:
    """Test patients for pages, by their last step with a known label.

    Columns are ``patient center group answer label probability``. The groups are those of
    `ichor.explain.choose.pictured`; an event is label 0.
    """
    known = risks[(risks["role"] == "test") & (risks["target"] == target)].dropna(subset=["label", "probability"])
    last = known.sort_values(["patient", "position"]).drop_duplicates("patient", keep="last")
    train = sequences.of_role("train").labels[:, :, sequences.targets.index(target)]
    with np.errstate(invalid="ignore"):
        events = 1 - np.nanmean(train) if np.isfinite(train).any() else 0.5
    worse = last.assign(label=1 - last["label"].astype(int), probability=1 - last["probability"])
    groups = choose.pictured(worse, float(events), per_group)
    return groups.merge(last.rename(columns={"step": "answer"}), on="patient", how="left", validate="1:1")


def attributions(networks: CourseNetworks, asked: SequenceSet, points: int) -> pd.DataFrame:
    """Rows of the table ``course_attributions`` for every answer at risk of some courses; mean of the networks."""
    found = []
    for seen in track(list(networks.see(asked)), "attributions of courses"):
        steps = np.flatnonzero(seen.at_risk)
        wanted = [(int(step), target) for step in steps for target in seen.answered]
        values, record, base = [], [], []
        for network in networks.networks:
            answer = seen.answer(network)
            of_values, of_record = course_gradients(answer, seen.values, seen.record, wanted, points)
            values.append(of_values)
            record.append(seen.record_parts(of_record))
            base.append(seen.base(answer))
        means = [np.mean(part, axis=0) for part in (values, record, base)]
        found += _rows_of(seen, networks.preparation.variables, asked.targets, wanted, *means)
    return pd.DataFrame(found)


def importances(rows: pd.DataFrame, sequences: SequenceSet) -> pd.DataFrame:
    """Rows of the table ``course_importance``: mean sizes with 95 % intervals."""
    if rows.empty:
        return pd.DataFrame()
    times = pd.DataFrame({"step": sequences.steps.ravel(), "time_h": sequences.time_h.ravel()}).dropna()
    order = {name: place for place, name in enumerate(times.groupby("step")["time_h"].median().sort_values().index)}
    sized = rows.assign(part=np.where(rows["step"].isna(), "record", "step"), size=rows["attribution"].abs())
    whole = rows.groupby(["target", "answer", "feature", "patient"])["attribution"].sum().abs().rename("size")
    whole = whole.reset_index().assign(part="whole", step=None)
    found = []
    both = pd.concat([sized, whole.astype({"step": object})])
    for key, own in both.groupby(["target", "answer", "part", "step", "feature"], sort=False, dropna=False):
        made = mean_interval(own["size"].to_numpy(), least=0.0)
        row = dict(zip(("target", "answer", "part", "step", "feature"), key, strict=True))
        row["step"] = None if pd.isna(row["step"]) else row["step"]
        row |= {"order": order[row["answer"]], "estimate": made.estimate, "low": made.low, "high": made.high}
        found.append(row | {"n": made.n})
    made = pd.DataFrame(found)
    made["target"] = pd.Categorical(made["target"], list(rows["target"].unique()))
    made = made.sort_values(["target", "order", "part", "feature"], kind="stable")
    return made.assign(target=made["target"].astype(object))


def _rows_of(
    seen: SeenCourse,
    variables: Sequence[str],
    targets: Sequence[str],
    wanted: Sequence[tuple[int, int]],
    values: np.ndarray,
    record: np.ndarray,
    base: np.ndarray,
) -> list[dict]:
    """Rows of one patient: a row per answer and measured value up to it, and per answer and feature of the record."""
    found = []
    for place, (step, target) in enumerate(wanted):
        answer = {"patient": seen.patient, "center": seen.center, "target": targets[target]}
        answer |= {"answer": seen.steps[step], "answer_position": step, "base": base[step, target]}
        for at, column in zip(*np.nonzero(seen.measured[: step + 1]), strict=True):
            measured = {"step": seen.steps[at], "position": int(at), "feature": variables[column]}
            measured |= {"value": f"{seen.raw[at, column]:.6g}", "attribution": values[place, at, column]}
            found.append(answer | measured)
        for column, (name, value) in enumerate(seen.known_at_admission.items()):
            given = {"step": None, "position": None, "feature": name, "value": value}
            found.append(answer | given | {"attribution": record[place, column]})
    return found


def _table(name: str, rows: pd.DataFrame | list, who: dict) -> pd.DataFrame:
    if not len(rows):
        return tables.empty(name)
    frame = pd.DataFrame(rows).assign(**who).reindex(columns=tables.columns(name))
    return tables.validate(name, frame, f"{name} of {who['model']}")
