"""Settings that every kind that reads report texts shares, and what they may not be."""

from ichor.errors import StudyError

TEXT_SPEC = {
    "report": {
        "sections": [],  # complaint | history | findings | impression | other; empty = all
        "max_tokens": 256,  # longer reports are cut, the longest sections first
    },
    "tokenizer": {  # learned on train rows, all languages together; see ichor/training/text_tokens.py
        "vocabulary": 2000,  # tokens at most
        "least_patients": 3,  # train patients in whose reports a word must stand to be learned as a whole
    },
}
"""Settings that every kind that reads report texts shares, with their defaults."""


def check_text(spec: dict, where: str) -> None:
    """Refuse a kind that would read no record although it could, or would leave out too much of what it learns from.

    Raises
    ------
    ichor.errors.StudyError
        Names the entry, what was found and what to write.
    """
    record = spec.get("record")
    if record is None:
        return
    if not record["features"]:
        raise StudyError(
            f"{where}.record.features: kind {spec['kind']} reads the record beside the report; name columns of the "
            "cohort table, for example [age_years, gcs], or write kind: report_text"
        )
    for name in ("dropout", "report_dropout"):
        if not 0 <= record[name] < 1:
            raise StudyError(f"{where}.record.{name}: found {record[name]}; write 0 to less than 1")
    if record["dropout"] + record["report_dropout"] >= 1:
        raise StudyError(
            f"{where}.record: dropout {record['dropout']} and report_dropout {record['report_dropout']} leave no train "
            "row with both report and record; write less than 1 for both together"
        )
