"""Sphinx's settings. ``docs/make_site.py`` lays out the pages that this reads."""

from __future__ import annotations

import gandiag

project, author, copyright = "gandiag", "the authors of gandiag", "the authors of gandiag, Apache-2.0"
version = release = gandiag.__version__
language = "en_GB"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Formulas are written as code, so no library of mathematics is fetched from anywhere.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
root_doc = "index"
exclude_patterns = ["code/**", "files/**"]
suppress_warnings = ["myst.header"]

# Every name of ours that is linked must exist; those of other libraries cannot be looked up without a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!gandiag\.\w+$).*")]
autodoc_typehints = "none"  # the docstrings state types, with shapes and units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = napoleon_use_param = False  # types are words, and no word of them is a link
default_role = "code"

html_theme = "furo"
html_title = f"gandiag {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5394", "color-brand-content": "#0b5394"},
    "dark_css_variables": {"color-brand-primary": "#8ab4f8", "color-brand-content": "#8ab4f8"},
}
