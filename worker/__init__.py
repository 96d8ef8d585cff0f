"""The sync worker: a CRM's rows go to Vitec Connect, each one once, and nothing is lost.

Read it in this order:

    models/state.py             the states of an operation, and every move between them
    outcome.py, errors.py       how an attempt ends: may Vitec have acted?
    decide.py                   an outcome becomes a settlement; doubt.py: a look-up becomes a conclusion
    kinds/comeback.py           one of the calls, whole: cells, request, answers, doubt
    vitec/classify.py           the status of an answer becomes an error of the tree
    outbox/predicates.py        the conditions: due, claimable, held, in flight, in doubt
    outbox/moves.py             the columns that each move between states sets
    outbox/exchange/exchange.py the one transaction of a turn: settle, claim
    outbox/exchange/rescue.py   the rows that a dead turn left in flight
    delivery/turn.py            the loop around it, drawn: claim, send, settle
    processes/main_process.py   beside Celery: stops, and dispatch where beat fails
    importing/file_import.py    before all that: a file becomes rows
    results/writing.py          after it: the CRM gets ids and reasons

docs/architecture.md draws the layers and says where things go; docs/glossary.md has the words.
"""
