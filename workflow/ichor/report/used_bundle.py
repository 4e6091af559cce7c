"""What the report says of a trained segmentation that was used instead of training: terms, figures, what it misses."""

from collections.abc import Mapping

from ichor.imaging.measures import LABEL_CODES
from ichor.report import names

DECIMALS = 3


def section(bundle: Mapping[str, object] | None) -> dict[str, object] | None:
    """Facts of a bundle in the words of the page.

    Parameters
    ----------
    bundle : mapping or None
        Of `ichor.segmentation.study_bundle.facts`.

    Returns
    -------
    dict or None
        ``title``, ``facts`` (pairs of name and text), ``limits``, ``how`` and ``figures`` (a table's ``columns`` and
        ``rows`` of text, or None); None without a bundle.
    """
    if bundle is None:
        return None
    about = bundle["about"]
    known, unknown = ([names.LABELS.get(label, label) for label in group] for group in _labels(bundle["labels"]))
    facts = [("Finds", ", ".join(known))]
    if unknown:
        facts.append(("Does not know", f"{', '.join(unknown)}: their volumes are unknown, not 0"))
    facts += [(word, str(about[key])) for word, key in (("Licence", "licence"), ("Cite", "citation")) if about.get(key)]
    facts.append(("SHA-256 of the weights", str(bundle["weights_sha256"])))
    if not bundle["knows_patients"]:
        facts.append(
            ("To know", "The bundle does not say whom it was trained on; make sure that none of them is here.")
        )
    figures = about.get("figures") or {}
    rows = figures.get("rows") or []
    table = (
        {"columns": list(rows[0]), "rows": [[_text(row[name]) for name in rows[0]] for row in rows]} if rows else None
    )
    return {
        "title": about.get("title") or bundle["name"],
        "facts": facts,
        "limits": list(about.get("limits") or ()),
        "how": figures.get("how") or "",
        "figures": table,
    }


def _labels(labels: list[str]) -> tuple[list[str], list[str]]:
    return list(labels), [label for label in LABEL_CODES if label not in labels]


def _text(value: object) -> str:
    return f"{round(value, DECIMALS):g}" if isinstance(value, float) else str(value)
