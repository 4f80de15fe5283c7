"""4. A coroutine is such a generator under a name of its own: ``async def``, ``await`` for ``yield from``.

Nothing new happens when it runs: it is driven by ``send()`` and ends with ``StopIteration``, as before. What
is new is that nobody can mix the two up: ``await`` takes only what says that it can be awaited, a coroutine
or an object with ``__await__``. At the very bottom there is still a ``yield``.
"""

from inspect import getcoroutinestate


class Question:
    def __init__(self, text):
        self.text = text

    def __await__(self):
        answer = yield self  # A coroutine cannot yield. What it awaits can, and that pauses the whole stack.
        return answer.strip().title()


async def full_name():
    return f"{await Question('first name?')} {await Question('last name?')}"


async def greet():
    name = await full_name()
    return f"Hello, {name}!"


def drive(coroutine, answers):
    """Resume ``coroutine`` with one answer after the other; what it returns."""
    answer = None
    while True:
        try:
            question = coroutine.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = answers[question.text]
        print(f"  out: {question.text}  in: {answer!r}")


def plain():
    yield "never handed out"


async def careless():
    await plain()


def main():
    coroutine = greet()
    print("Called, and not a line of it has run:", getcoroutinestate(coroutine))
    print(drive(coroutine, {"first name?": " ada ", "last name?": "lovelace"}))
    try:
        careless().send(None)
    except TypeError:
        print("A plain generator cannot be awaited: TypeError")


if __name__ == "__main__":
    main()
