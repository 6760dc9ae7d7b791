"""Attach: a bundle to where the incident is talked about - one file a target, see `model` for what each has to do.

`packing` makes a Package of a bundle, `addresses` a Target of 'jira:OPS-12', `sending` sends to each in turn, and
`resuming` remembers what is there. `client` speaks HTTP, `credentials` finds tokens, `texts` fits texts.
"""
