"""CPython's own asyncio tests on the mini-loop: ``make conformance``, or ``python -m tests.conformance``.

CPython ships its asyncio tests as the package ``test.test_asyncio``. Most of them use only the documented
interface of an event loop, so they tell how complete another loop is. `suite` says which classes are run and
which of their tests are not, each with its reason; `replacing` makes them create their loops here; `worker`
runs one module of them in a process of its own; ``__main__`` starts the workers and reports.
"""
