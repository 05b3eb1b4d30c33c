"""The report of a migration: reads what a run has left in its folder, sums it up, and shows it as text or as a page.

Reading and summing up are pure and need only Python's own library, so that every command can import them; the page
needs requirements-report.txt. Nothing here imports Pulumi.
"""
