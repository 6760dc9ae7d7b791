"""A runbook walked step by step: what can be answered is asked, everything else is left to a person; nothing is done.

The modules, in the order of a walk:

    ground     what the answers are taken from: the document, the sources, the names
    answering  one question answered from evidence and by a source
    walk       the steps in their order, and what each came to
    telling    a step and its answer as lines for a terminal
"""

from gather_diagnostics.response.walking.ground import Ask, Ground, Reply
from gather_diagnostics.response.walking.walk import Done, Person, Taken, exit_code, walk

__all__ = ["Ask", "Done", "Ground", "Person", "Reply", "Taken", "exit_code", "walk"]
