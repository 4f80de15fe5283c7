"""Watch a program run on the mini-loop: what kernel, loop, tasks and coroutines did, and when.

``recorder`` holds what was seen; ``observed_tasks``, ``observers`` and ``deliveries`` see it; ``traced_loop``
is a `lab.loop.loop.Loop` with the observers in place. ``wording`` says it in words for ``text`` (the
terminal) and ``page`` (one HTML file, drawn by ``timeline``); ``chrome`` writes it for Perfetto. ``example``
is traced when no program is named.

Rule: `lab.loop` knows nothing of this. It has no hook and asks no question, so tracing costs nothing where it
is not used; everything here is a subclass or a wrapper of an object that the traced loop makes.
"""
