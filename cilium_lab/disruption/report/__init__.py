"""The report of a migration: sums up the record that a run has left, and shows it as text or as a page.

Summing up and text are pure and need only Python's own library, so that every command can import them; the page and its
plots need requirements-report.txt.
"""
