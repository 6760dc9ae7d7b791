"""Attach: a bundle to where the incident is talked about. One file a target in `targets`; `model` says what each has to
do.

`packing` makes a Package of a bundle, `addresses` a Target of 'jira:OPS-12', `sending` sends to each in turn, and
`resuming` remembers what is there. `client` speaks HTTP, `credentials` finds tokens, `texts` fits texts.
"""
