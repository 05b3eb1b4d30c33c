"""Named conditions of a healthy lab, in the order in which it comes up.

One condition is the progress line, the error and the report alike. Nothing here imports Pulumi or anything
outside the standard library: the same list serves the program, `./lab verify` and the tests of the real lab.
"""
