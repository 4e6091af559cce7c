import re

import yaml


def keys_of(node, path=""):
    for name, rule in node.get("properties", {}).items():
        key = f"{path}.{name}" if path else name
        if key.startswith("models"):
            continue
        yield from keys_of(rule, key) if "properties" in rule else [key]


def test_config_readme_explains_every_key_and_no_other(repository):
    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    text = (repository / "config/README.md").read_text()
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", text.split("## Keys")[1].split("\n## ")[0], flags=re.M))
    assert documented == set(keys_of(schema))


def test_config_readme_gives_the_defaults_of_config_yaml(repository):
    config = yaml.safe_load((repository / "config/config.yaml").read_text())
    text = (repository / "config/README.md").read_text().split("## Keys")[1].split("\n## ")[0]
    for key, default in re.findall(r"^\| `([a-z_.]+)` \| [^|]*\| ([^|]*) \|", text, flags=re.M):
        if not default.strip():
            continue
        value = config
        for part in key.split("."):
            value = value[part]
        assert yaml.safe_load(default) == value, key


def test_config_readme_explains_every_sheet_column(repository):
    text = (repository / "config/README.md").read_text()
    for sheet in ("centers", "columns", "course_columns", "report_columns"):
        schema = yaml.safe_load((repository / f"workflow/schemas/{sheet}.schema.yaml").read_text())
        for column in schema["properties"]:
            assert f"| `{column}` |" in text, column
