"""Everything that makes the lab possible on a machine with package registries and nothing else.

Standard library only: these modules run before any virtual environment exists.
"""
