import subprocess
import sys

import pytest

from ichor.errors import StudyError
from ichor.models import registry


def test_kinds_are_the_files_that_name_a_family():
    kinds = registry.kinds()
    assert kinds["vit"] == kinds["densenet"] == "network"
    assert kinds["logistic"] == kinds["volume"] == kinds["ich_score"] == "tabular"
    assert not {"registry", "tabular", "torchvision_on_cpu"} & set(kinds)


def test_every_kind_can_be_imported_and_has_defaults_that_resolve():
    for kind, family in registry.kinds().items():
        module = registry.load(kind)
        wanted = {"network": ["build"], "sequence": ["build"], "text": ["build", "Model"]}.get(family, ["Model"])
        assert any(hasattr(module, name) for name in wanted)
        resolved = registry.resolve({"kind": kind})
        assert resolved["kind"] == kind
        assert module.SPEC.keys() <= resolved.keys()


def test_time_courses_are_read_by_the_kinds_of_task_trajectory_and_by_no_others():
    assert registry.of_task("trajectory", {"kind": "gru", "width": 8}, "models.t.m")["width"] == 8
    assert registry.of_task("outcome", {"kind": "densenet"}, "models.t.m")["kind"] == "densenet"
    with pytest.raises(StudyError, match="models.t.m.kind: densenet reads no time courses; write one of: gru, land"):
        registry.of_task("trajectory", {"kind": "densenet"}, "models.t.m")
    with pytest.raises(StudyError, match="gru reads time courses, which task trajectory has; write one of: bat_score"):
        registry.of_task("outcome", {"kind": "gru"}, "models.t.m")


def test_settings_are_laid_over_the_defaults_of_kind_and_family():
    spec = registry.resolve({"kind": "densenet", "growth_rate": 12, "training": {"epochs": 3, "learning_rate": 1}})
    assert spec["growth_rate"] == 12 and spec["init_features"] == 8
    assert spec["input"]["view"] == "head"
    assert spec["training"]["epochs"] == 3
    assert spec["training"]["learning_rate"] == 1.0 and isinstance(spec["training"]["learning_rate"], float)
    assert registry.resolve({"kind": "densenet"})["training"]["epochs"] != 3


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"kind": "vitt"}, ["models.t.m.kind", "'vitt'", "did you mean 'vit'", "densenet"]),
        ({"kind": "registry"}, ["unknown kind", "logistic"]),
        ({"depth": 3}, ["no kind", "vit"]),
        ({"kind": "vit", "detph": 3}, ["models.t.m.detph", "did you mean 'depth'"]),
        ({"kind": "vit", "training": {"epoch": 3}}, ["models.t.m.training.epoch", "epochs"]),
        ({"kind": "vit", "depth": "four"}, ["models.t.m.depth", "'four'", "whole number"]),
        ({"kind": "vit", "depth": 4.5}, ["models.t.m.depth", "4.5", "whole number"]),
        ({"kind": "vit", "training": 3}, ["models.t.m.training", "settings"]),
        ({"kind": "vit", "augment": {"flip": 1}}, ["models.t.m.augment.flip", "true or false"]),
        ({"kind": "logistic", "features": "gcs"}, ["models.t.m.features", "a list"]),
        ({"kind": "vit", "record": {"features": ["gcs"]}}, ["models.t.m.record.features", "write kind: vit_record"]),
        ({"kind": "vit_record", "record": {"features": []}}, ["models.t.m.record.features", "name columns"]),
        ({"kind": "vit_record", "record": {"dropout": 1}}, ["models.t.m.record.dropout", "less than 1"]),
        ({"kind": "vit_record", "balance": {"arm": "synthetic"}}, ["models.t.m.balance.arm", "no clinical record"]),
    ],
)
def test_wrong_settings_say_where_what_and_what_instead(spec, parts):
    with pytest.raises(StudyError) as caught:
        registry.resolve(spec, "models.t.m")
    for part in parts:
        assert part in str(caught.value)


def test_a_kind_has_the_settings_of_the_kind_that_it_stands_on():
    vit, fusion = (registry.resolve({"kind": kind}) for kind in ("vit", "vit_record"))
    own = {"kind", "fusion", "record_width", "record"}
    assert {key: fusion[key] for key in fusion.keys() - own} == {key: vit[key] for key in vit.keys() - own}
    assert fusion.keys() - vit.keys() == own & fusion.keys() - {"kind", "record"}
    assert registry.resolve({"kind": "vit_record", "fusion": "concat", "dim": 48})["dim"] == 48
    assert registry.reads_record(fusion) and not registry.reads_record(vit)


def test_settings_are_checked_without_importing_torch(repository):
    code = (
        "import sys; from ichor.models import registry\n"
        "[registry.resolve({'kind': kind}) for kind in registry.kinds()]\n"
        "assert not {'torch', 'monai', 'sklearn', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(repository / "workflow")})


def test_module_path_is_the_file_that_is_imported():
    assert registry.module_path("volume").samefile(registry.load("volume").__file__)
