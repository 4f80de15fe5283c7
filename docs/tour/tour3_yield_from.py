"""3. ``yield from`` lets a whole stack of calls pause as one.

As soon as a function that can wait calls another that can wait, somebody has to carry questions out and
answers in, through every level. ``yield from`` does: it joins the driver to the innermost generator.
"""


def ask(question):
    answer = yield question  # The only place in this file where anything pauses.
    return answer.strip().title()


def full_name():
    first = yield from ask("first name?")
    last = yield from ask("last name?")
    return f"{first} {last}"


def greet():
    name = yield from full_name()
    return f"Hello, {name}!"


def stack(generator):
    """The names of the paused functions, from the outermost to the innermost."""
    names = []
    while generator is not None:
        names.append(generator.__name__)
        generator = generator.gi_yieldfrom  # The one that it waits for.
    return " > ".join(names)


def drive(generator, answers):
    """Resume ``generator`` with one answer after the other; what it returns."""
    answer = None
    while True:
        try:
            question = generator.send(answer)
        except StopIteration as stop:
            return stop.value
        print(f"  out: {question}  (paused: {stack(generator)})")
        answer = answers[question]
        print(f"  in:  {answer!r}")


def main():
    # The driver holds only the outermost. How deep inside a question was asked is nothing to it.
    print(drive(greet(), {"first name?": " ada ", "last name?": "lovelace"}))


if __name__ == "__main__":
    main()
