"""A comparison of two runs in words, for a terminal or a log."""

import pandas as pd

from ichor.verify.runs import Run

NOUNS = {
    "versions": "package versions",
    "config": "config keys",
    "machine": "facts of the machine",
    "code": "modules of rules",
    "parameters": "parameters of jobs",
    "inputs": "input files",
    "outputs": "output files",
    "predictions": "prediction tables",
    "metrics": "tables of metrics",
    "masks": "tables of masks",
}
SHOWN = 12  # lines per subject; the table has all


def describe(table: pd.DataFrame, here: Run, other: Run) -> str:
    """Text on a table ``verification``: what is equal, what differs and by how much, and what explains it."""
    lines = [
        f"This run:  {_of(here)}",
        f"The other: {_of(other)}",
        "",
    ]
    for subject, rows in table.groupby("subject", sort=False):
        whole = rows["name"].eq("all") & rows["quantity"].eq("count")
        count, rest = rows[whole].iloc[0], rows[~whole & rows["verdict"].ne("equal")]
        lines.append(_count(subject, count))
        for row in rest.head(SHOWN).itertuples():
            lines.append(f"    {_line(row)}")
        if len(rest) > SHOWN:
            lines.append(f"    ... and {len(rest) - SHOWN} more lines of results/verification.tsv")
    return "\n".join([*lines, "", _verdict(table)]) + "\n"


def _of(run: Run) -> str:
    record = run.record
    return f"{run.name}, Ichor {record['ichor']}, Python {record['python']}, written {record.get('written')}"


def _count(subject: str, row: object) -> str:
    if subject == "seed":
        return "equal: the seed" if row.verdict == "equal" else "different: the seed"
    total = max(int(row.here), int(row.other), int(row.difference))
    if total == 0:
        return f"{NOUNS[subject]}: none in either run"
    return f"equal: {total - int(row.difference)} of {total} {NOUNS[subject]}"


def _line(row: object) -> str:
    text = f"{row.name} {row.quantity}" if row.quantity not in ("value", "sha256") else row.name
    if row.verdict in ("only_here", "only_other"):
        return f"{text}: only in {'this run' if row.verdict == 'only_here' else 'the other run'}"
    if row.quantity == "sha256":
        text += ": other content"
    elif pd.notna(row.here) or pd.notna(row.other):
        sides = [value if pd.notna(value) else "nothing" for value in (row.here, row.other)]
        text += f": {sides[0]} here, {sides[1]} there"
        if pd.notna(row.difference) and row.quantity != "value":
            text += f", difference {row.difference:.4g}"
    elif pd.notna(row.difference):
        text += f": {row.difference:.4g}"
    if row.verdict == "unexplained":
        return f"{text} [NOT EXPLAINED]"
    return f"{text} [{row.why}]" if row.verdict == "not_compared" else text


def _verdict(table: pd.DataFrame) -> str:
    """The last paragraph: whether anything differs, and whether all of that is explained."""
    results = table[table["verdict"].isin(["explained", "unexplained"])]
    missing = int(table["verdict"].eq("not_compared").sum())
    left_out = f" {missing} tables could not be compared by content." if missing else ""
    if results.empty:
        alone = table["verdict"].isin(["only_here", "only_other"]) & table["subject"].eq("outputs")
        if alone.any():
            return "All results that both runs have are equal; some are in one run only." + left_out
        return "All results are equal." + left_out
    odd = results[results["verdict"] == "unexplained"]["name"].drop_duplicates()
    if odd.empty:
        return f"Every difference is explained by: {_reasons(results['why'])}.{left_out}"
    return (
        f"NOT EXPLAINED: {', '.join(odd.head(SHOWN))}. Parameters, code, versions, machine and inputs are the same "
        f"there, and the result is not.{left_out}"
    )


def _reasons(why: pd.Series) -> str:
    """All that explains something, code last, because one edit of a module is the code of many rules."""
    parts = dict.fromkeys(part for text in why for part in text.split("; "))
    code = [part.removeprefix("code of ") for part in parts if part.startswith("code of ")]
    others = [part for part in parts if not part.startswith("code of ")]
    more = [f"{len(others) - SHOWN} more"] if len(others) > SHOWN else []
    return ", ".join([*others[:SHOWN], *more, *([f"code of {', '.join(code)}"] if code else [])])
