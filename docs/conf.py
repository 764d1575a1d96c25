"""Settings of the documentation site: `make docs` builds it into build/docs."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

SOURCE = HERE.parent / "src" / "cmfq"
PUBLIC = (
    *("__init__", "api", "columns", "errors", "algorithms", "policies", "explanation", "theory"),
    *("learner", "networks", "objective", "rollout", "zoo/__init__"),
    *("mean_field/*", "environments/__init__", "environments/base", "environments/check"),
    *("environments/battle", "environments/pursuit", "environments/particles"),
    *("environments/pettingzoo", "environments/signal", "environments/registry"),
    *("training/__init__", "training/settings", "training/presets", "training/metrics"),
    *("training/evaluations", "training/opponent_settings", "training/checkpoint"),
    *("training/self_play", "play/__init__", "play/matches", "play/standings", "play/players"),
    *("play/game_log", "play/entrants", "statistics/*", "play/recording"),
    *("recordings/__init__", "recordings/record"),
    *("recordings/reading", "recordings/format"),
)
"""Modules of the Python API's pages: what a user's own code may want to import."""


def is_public(file: Path) -> bool:
    """Whether a module has a page."""
    name = file.relative_to(SOURCE).with_suffix("")
    return any(
        name.match(pattern) and len(name.parts) == pattern.count("/") + 1 for pattern in PUBLIC
    )


project = "cmfq"
author = "the cmfq maintainers"
copyright = "the cmfq maintainers, MIT licence"
release = version = version_of("cmfq")

extensions = [
    "myst_parser",
    "autoapi.extension",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "command_line",
    "mathml",
    "notebooks",
    "readable",
]
exclude_patterns = ["extensions", "templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = f"cmfq {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True

autoapi_dirs = ["../src"]
autoapi_root = "api"
autoapi_ignore = [str(file) for file in SOURCE.rglob("*.py") if not is_public(file)]
autoapi_options = ["members", "show-inheritance", "show-module-summary", "undoc-members"]
autoapi_add_toctree_entry = False
autoapi_member_order = "bysource"
autoapi_python_class_content = "class"
autoapi_keep_files = False
napoleon_google_docstring = True
napoleon_use_rtype = False
# Names of axes in annotations, as in Float[Tensor, " pairs"], are taken for names of things.
# Modules without a page are unknown to autoapi.
suppress_warnings = ["ref.python", "autoapi.python_import_resolution"]

RESULTS = """
```{toctree}
:hidden:
:glob:

*/README
*/*/README
```
"""


def add_results(app: Sphinx, page: str, source: list[str]) -> None:
    """Put all pages of results under theirs; on the repository's own pages it would be litter."""
    if page == "results/README":
        source[0] += RESULTS


def setup(app: Sphinx) -> None:
    """Connect what is done while pages are read."""
    app.connect("source-read", add_results)
