"""Models by name: a kind is a file of this folder, found by its name and checked before it is imported.

A kind's file assigns two literals at its top level, which are read here without importing it (torch and MONAI cost
seconds):

``FAMILY``
    ``"network"`` (an image network; defines ``build(spec, channels, shape, outputs) -> torch.nn.Module`` returning
    logits) or ``"tabular"`` (defines a class ``Model``, see :mod:`ichor.models.tabular`), or ``"landmark"`` (a time
    course; defines a class ``Model``, see :mod:`ichor.models.landmark`), or ``"sequence"`` (a network of a time course;
    defines ``build(spec, sizes)``, see :mod:`ichor.models.sequence_network`), or ``"text"`` (a report's text; defines
    ``build(spec, tokens, record, description)``, see :mod:`ichor.models.report_network`, or a class ``Model``,
    see :mod:`ichor.models.tfidf_logistic`).
``BASE``, where wanted
    A kind whose settings this one has too, with their defaults.
``READS_RECORD``, where wanted
    ``True`` for a network that reads the clinical record beside the image: ``build(spec, channels, shape, outputs,
    record)`` gets the number of the record's columns, and the network is called with ``(image, record)``, and with
    ``(image, record, seen)`` where some images are not to be looked at, see :mod:`ichor.models.fusion`. ``"optional"``
    for one that does so where ``record.features`` names any.
``SPEC``
    Every setting of the kind with its default. For networks the settings of :data:`NETWORK_SPEC` are added, and
    those that ``SPEC`` names too take their default from there.
"""

import copy
import importlib
from pathlib import Path
from types import ModuleType

from ichor.cohort.feature_sets import expand
from ichor.errors import StudyError
from ichor.models.auxiliary_tasks import AuxiliaryTasks
from ichor.models.sequence_spec import SEQUENCE_SPEC, check_sequence
from ichor.models.text_spec import TEXT_SPEC, check_text
from ichor.settings import hint, literals, merge

NETWORK_SPEC = {
    "input": {
        "view": "crop",  # crop = centred on the hematoma; head = the whole head
        "size_mm": [96.0, 96.0, 80.0],  # right-left, posterior-anterior, inferior-superior
        "spacing_mm": [2.0, 2.0, 5.0],
        "windows_hu": [[0.0, 100.0]],  # one channel per window
        "mask_labels": [],  # iph, ivh: one channel per label of the predicted mask
        "inside": False,  # one more channel per window: the window inside the first mask label, 0 elsewhere
        "skull_strip": "none",  # none | morphology | a folder of brain masks, each called like its scan's file
        "cut_below_foramen": False,  # slices from the foramen magnum down become air
    },
    "record": {  # for kinds that read the clinical record beside the image
        "features": [],  # columns of the cohort table, known at admission; empty = the image alone
        "post_baseline": [],  # those of them that are known later and wanted all the same
        "dropout": 0.2,  # share of the train images that are shown without their record
        "scan_dropout": 0.0,  # share of the records that are shown without their image; 0 = no answer without scan
    },
    "augment": {
        "rotation_deg": 10.0,
        "shift_mm": 6.0,
        "zoom": 0.05,
        "flip": True,  # left-right only
        "brightness": 0.03,  # in window widths, like noise
        "contrast": 0.1,
        "noise": 0.02,
        "crop": 0.0,  # largest share of each in-plane side that a random crop leaves out
        "probability": 1.0,  # of each of turn, shift, zoom, brightness with contrast, noise and crop
    },
    "training": {
        "epochs": 30,
        "batch_size": 16,
        "accumulate": 1,  # parts that a batch is worked on in, one after the other, where memory is short
        "learning_rate": 0.001,
        "weight_decay": 0.05,
        "warmup_epochs": 2,
        "monitor": "loss",  # loss | auc, of the tune rows
        "keep": "best",  # best | last epoch
        "patience": 0,  # epochs without a better tune figure before training stops; 0 = never
        "checkpoint_every_epochs": 5,
        "seeds": 1,  # networks whose probabilities are averaged
    },
    "balance": {  # what is done about rare events, on train rows only; see docs/explanation/synthesis.md
        "arm": "none",  # none | oversample | class_weights | focal | synthetic
        "generator": "",  # for synthetic: a name of the config's synthesis.generators
        "ratio": "",  # for oversample and synthetic, events to others after adding: 1:2 | 1:1 | tune (by tune rows)
        "focal_gamma": 2.0,
        "correct_prior": True,  # probabilities of the real train rows' base rate, not of the balanced one
    },
}
"""Settings that every image network shares, with their defaults."""
COURSE_FAMILIES = ("sequence", "landmark")
"""Families of kinds that read time courses: the models of task ``trajectory``."""


def kinds() -> dict[str, str]:
    """Names of all kinds, each with its family."""
    found = {path.stem: _literals(path).get("FAMILY") for path in sorted(Path(__file__).parent.glob("*.py"))}
    return {kind: family for kind, family in found.items() if family}


def family(kind: str) -> str:
    """Family of a kind, ``"network"`` or ``"tabular"``.

    Raises
    ------
    ichor.errors.StudyError
        If there is no such kind; the message lists those there are.
    """
    known = kinds()
    if kind not in known:
        raise StudyError(f"unknown kind of model {kind!r}{hint(kind, known)}; there are: {', '.join(known)}")
    return known[kind]


def module_path(kind: str) -> Path:
    """File of a kind; a rule's code digest must hold it, because it is imported by name."""
    family(kind)
    return Path(__file__).with_name(f"{kind}.py")


def load(kind: str) -> ModuleType:
    """Import the file of a kind, and with it torch or MONAI if the kind needs them."""
    family(kind)
    return importlib.import_module(f"ichor.models.{kind}")


def resolve(spec: dict, where: str = "models") -> dict:
    """Check a model's settings and fill in the defaults, without importing the model.

    Parameters
    ----------
    spec : dict
        The config entry: ``kind`` and any of the kind's settings. Its ``target`` is the rules' concern
        (`ichor.cohort.targets`), not the model's, and left out.
    where : str
        What an error message calls the entry, for example ``"models.expansion.vit"``.

    Returns
    -------
    dict
        ``kind`` and every setting.

    Raises
    ------
    ichor.errors.StudyError
        On a missing or unknown kind, an unknown setting or a value of the wrong type.
    """
    if not isinstance(spec, dict) or "kind" not in spec:
        raise StudyError(f"{where}: no kind is given; write one of: {', '.join(kinds())}")
    try:
        defaults = default_spec(spec["kind"])
    except StudyError as error:
        raise StudyError(f"{where}.kind: {error}") from error
    given = {key: value for key, value in spec.items() if key not in ("kind", "target")}
    made = {"kind": spec["kind"], **merge(defaults, given, where)}
    if family(made["kind"]) == "network" and "record" in made:
        _check_record(made, where)
    if family(made["kind"]) == "text":
        check_text(made, where)
    if family(made["kind"]) == "sequence":
        check_sequence(made, where)
    if "tasks" in made:
        _check_tasks(made, where)
    return made


def of_task(task: str, spec: dict, where: str) -> dict:
    """:func:`resolve`, for a model of a task: time courses are read by the kinds of task trajectory and by no others.

    Raises
    ------
    ichor.errors.StudyError
        As :func:`resolve`, or if the kind does not fit the task.
    """
    made = resolve(spec, where)
    if (family(made["kind"]) in COURSE_FAMILIES) != (task == "trajectory"):
        known = [kind for kind, of in kinds().items() if (of in COURSE_FAMILIES) == (task == "trajectory")]
        reads = "no time courses" if task == "trajectory" else "time courses, which task trajectory has"
        raise StudyError(f"{where}.kind: {made['kind']} reads {reads}; write one of: {', '.join(known)}")
    return made


def default_spec(kind: str) -> dict:
    """Every setting of a kind with its default value."""
    found = _literals(module_path(kind))
    own = copy.deepcopy(found.get("SPEC", {}))
    if "BASE" in found:
        own = copy.deepcopy(_literals(module_path(found["BASE"]))["SPEC"]) | own
    if family(kind) == "sequence":
        shared = merge(copy.deepcopy(SEQUENCE_SPEC), {key: own.pop(key) for key in SEQUENCE_SPEC if key in own}, kind)
        return shared | own
    if family(kind) == "text":
        return copy.deepcopy(TEXT_SPEC) | own
    if family(kind) != "network":
        return own
    return {
        **merge(copy.deepcopy(NETWORK_SPEC), {key: own.pop(key) for key in NETWORK_SPEC if key in own}, kind),
        **own,
    }


def _literals(path: Path) -> dict:
    return literals(path, ("FAMILY", "SPEC", "BASE", "READS_RECORD"))


def reads_record(spec: dict) -> bool:
    """Whether the network of a complete spec is given the record beside the image."""
    reads = _literals(module_path(spec["kind"])).get("READS_RECORD", False)
    return bool(spec["record"]["features"]) if reads == "optional" else reads


def post_baseline(spec: dict) -> list[str]:
    """Features of a complete spec that are known only after admission, which its settings name as wanted."""
    return list(spec.get("record", spec).get("post_baseline", []))


def _check_record(spec: dict, where: str) -> None:
    """Refuse a record that the network would not read, or that its training images would not have."""
    record = spec["record"]
    features = record["features"]
    if reads_record(spec) and not features:
        raise StudyError(
            f"{where}.record.features: kind {spec['kind']} reads the record beside the image; name columns of the "
            "cohort table, for example [age_years, iph_ml, onset_to_ct_h]"
        )
    if features and not reads_record(spec):
        found = {kind: _literals(module_path(kind)) for kind in kinds()}
        able = {kind: said for kind, said in found.items() if said.get("READS_RECORD")}
        able = [kind for kind, said in able.items() if said.get("BASE") == spec["kind"]] or able
        raise StudyError(
            f"{where}.record.features: kind {spec['kind']} reads the image alone; write kind: {' or '.join(able)}"
        )
    for name in ("dropout", "scan_dropout"):
        if features and not 0 <= record[name] < 1:
            raise StudyError(f"{where}.record.{name}: found {record[name]}; write 0 to less than 1")
    if features and not record["dropout"] + record["scan_dropout"] < 1:
        raise StudyError(
            f"{where}.record: dropout {record['dropout']} and scan_dropout {record['scan_dropout']} leave no train row "
            "with both scan and record; write less than 1 for both together"
        )
    if features and spec["balance"]["arm"] == "synthetic":
        raise StudyError(
            f"{where}.balance.arm: synthetic cases have no clinical record (that of a parent would tie it to another's "
            "label); write another arm, or a kind that reads the image alone"
        )


def _check_tasks(spec: dict, where: str) -> None:
    """Refuse tasks that there cannot be, and answers among the questions."""
    try:
        learned = AuxiliaryTasks.of(spec).columns
    except StudyError as error:
        raise StudyError(f"{where}.{error}") from error
    read = [name for name in expand(spec["record"]["features"]) if name in learned]
    if read:
        raise StudyError(
            f"{where}.record.features: {', '.join(read)} would be read and learned by the same network; leave it out "
            "of record.features (name the other columns of a set singly), or take the task out of tasks"
        )
