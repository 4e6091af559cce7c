# Time courses: each center's table of repeated measurements to one long table, and to the steps of each split's patients.
from ichor.cohort.course_columns import read_course_columns
from ichor.cohort.course_time_points import time_points
from ichor.cohort.follow_up import good_rule

COURSE_CENTERS = [name for name, row in CENTER.items() if row["courses"]]

try:  # a wrong sheet or time point stops before any job
    TIME_POINTS = time_points(config["trajectory"]["time_points"])
    good_rule(config["trajectory"]["good"])
    COURSE_SHEET = (
        study.find_sheet(config["course_columns"], REPOSITORY) if COURSE_CENTERS and config["course_columns"] else None
    )
    COURSE_COLUMNS = read_course_columns(COURSE_SHEET, CENTERS, TIME_POINTS) if COURSE_CENTERS else None
except StudyError as error:
    raise WorkflowError(str(error)) from None

# Inputs of rules that can do without: empty if no center brings courses, or no model reads them.
TIME_COURSES = ["results/time_courses.tsv"] if COURSE_CENTERS else []
TRAJECTORY_SPLITS = SPLITS if COURSE_CENTERS and MODELS.get("trajectory") else []
COURSE_STATUS = [
    *expand("results/courses/{center}_status.tsv", center=COURSE_CENTERS),
    *(["results/time_courses_status.tsv"] if COURSE_CENTERS else []),
    *expand("results/trajectory/{split}/status.tsv", split=TRAJECTORY_SPLITS),
]


rule read_courses:
    input:
        table=center_value("courses"),
    output:
        courses="results/courses/{center}.tsv",
        status="results/courses/{center}_status.tsv",
    log:
        "logs/read_courses/{center}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        columns=lambda wildcards: COURSE_COLUMNS[COURSE_COLUMNS["center"] == wildcards.center].to_dict("records"),
        time_points=config["trajectory"]["time_points"],
        limits=TABLE_LIMITS,
        gcs_intubated=config["cohort"]["gcs_intubated"],
        key_file=KEY_FILE,
        code=code_of("read_courses"),
    script:
        "../scripts/read_courses.py"


rule merge_courses:
    input:
        courses=expand("results/courses/{center}.tsv", center=COURSE_CENTERS),
        patients="results/patients.tsv",
    output:
        courses="results/time_courses.tsv",
        status="results/time_courses_status.tsv",
    log:
        "logs/merge_courses.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        time_points=config["trajectory"]["time_points"],
        code=code_of("merge_courses"),
    script:
        "../scripts/merge_courses.py"


rule assemble_trajectory:
    input:
        cohort="results/cohort/{split}.tsv",
        courses="results/time_courses.tsv",
        scans="results/scans.tsv",
        masks=lambda wildcards: masks_of(wildcards.split),
    output:
        steps="results/trajectory/{split}/steps.tsv",
        values="results/trajectory/{split}/values.parquet",
        status="results/trajectory/{split}/status.tsv",
    log:
        "logs/assemble_trajectory/{split}.log",
    localrule: True
    conda:
        "../../envs/ichor.yaml"
    params:
        time_points=config["trajectory"]["time_points"],
        good=config["trajectory"]["good"],
        code=code_of("assemble_trajectory"),
    script:
        "../scripts/assemble_trajectory.py"
