"""Named conditions of a healthy lab, in the order in which it comes up: `./lab verify` and `./lab up` run them.

One condition is the progress line, the error and the report alike. What it compares with is the stack's output
`expectation`. Nothing here imports Pulumi or anything outside the standard library.
"""
