from types import SimpleNamespace

import docutils.core
import jinja2
import pytest

from ichor.report.figure_files import FIGURES


def caption(repository, name, simulated=True):
    """A caption as ``snakemake --report`` makes it: Jinja with the job, then reStructuredText."""
    job = SimpleNamespace(
        wildcards=SimpleNamespace(name=name),
        params=SimpleNamespace(study={"simulated": simulated}),
    )
    text = (repository / "workflow/report/figures.rst").read_text()
    rendered = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(snakemake=job)
    settings = {"report_level": 2, "halt_level": 2}
    return docutils.core.publish_parts(rendered, writer_name="html", settings_overrides=settings)["body"]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_caption_that_teaches(repository, name):
    html = caption(repository, name)
    assert html.startswith("<p><strong>") and len(html) > 200
    assert "Simulated patients" in html
    assert "Simulated patients" not in caption(repository, name, simulated=False).replace("Simulated patients were", "")


def test_captions_differ(repository):
    assert len({caption(repository, name) for name in FIGURES}) == len(FIGURES)
