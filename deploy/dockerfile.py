"""The Dockerfile for machines that have Docker alone, from the template of the bentos: `make dockerfile`."""

from pathlib import Path

import yaml
from bentoml._internal.container.generate import BENTO_HOME, BENTO_PATH, BENTO_UID_GID, build_environment

HERE = Path(__file__).parent


def render(*, from_source: bool) -> str:
    """The template's text, as for a bento or, with `from_source`, as for the project's folder."""
    bentofile = yaml.safe_load((HERE.parent / "bentofile.yaml").read_text("utf-8"))
    variables = {
        "__base_image__": bentofile["docker"]["base_image"],
        "bento__home": BENTO_HOME,
        "bento__path": BENTO_PATH,
        "bento__uid_gid": BENTO_UID_GID,
        "from_source": from_source,
    }
    template = (HERE / "Dockerfile.j2").read_text("utf-8")
    return build_environment().from_string(template).render(variables).strip() + "\n"


if __name__ == "__main__":
    (HERE / "Dockerfile").write_text(render(from_source=True), "utf-8")
