"""Arrange the study's expansion models as the experiment of Yu et al. (rule expansion_study)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ichor import tables
from ichor.evaluation.evaluate import read_predictions
from ichor.evaluation.expansion_study import expansion_study, write_tables
from ichor.evaluation.study_patients import study_patients
from ichor.jobs.run import run
from ichor.report.expansion_study_page import write_expansion_study, write_findings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(job) -> None:
    params, simulated = job.params, job.params.study["simulated"]
    bundles = zip(params.models, job.input.models, strict=True)
    study = expansion_study(
        read_predictions(list(job.input.predictions)),
        models=params.models,
        bundles={name: json.loads(Path(path).read_text()) for name, path in bundles},
        truth=tables.read("truth", job.input.truth) if job.input.truth else None,
        simulated=simulated,
        seed=params.seed,
        **params.evaluation,
    )
    patients = study_patients(tables.read("patients", job.input.patients), tables.read("cohort", job.input.cohort))
    write_tables(
        study, patients, {name: job.output[name] for name in ("table_1", "table_3", "comparisons", "calibration")}
    )
    said = write_expansion_study(
        Path(job.output.page),
        study,
        patients,
        title=params.study["title"],
        simulated=simulated,
        models=params.models,
    )
    write_findings(said, Path(job.output.findings), simulated)


if __name__ == "__main__":
    run(snakemake, main)
