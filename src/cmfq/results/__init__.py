"""Results pages: tables, figures, Markdown and HTML."""
