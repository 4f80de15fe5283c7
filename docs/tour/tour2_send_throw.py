"""2. ``send()`` puts a value in where a generator paused, ``throw()`` an error.

``yield`` is an expression. Outwards it hands a question; whoever resumes the generator decides what comes
back in. So a function can wait for something without knowing where it will come from.
"""


def greet():
    try:
        name = yield "your name?"  # Outwards: the question. Inwards: what the expression is worth.
    except TimeoutError as error:
        print("    greet: caught at the yield:", error)
        name = "stranger"
    return f"Hello, {name}!"


def ending(resume, value):
    """Resume a generator by ``resume(value)``; what it returns."""
    try:
        resume(value)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("greet() asks only once")


def main():
    print("An answer comes:")
    greeting = greet()
    # The first send() has to be None: no yield is waiting for a value yet. next(g) is g.send(None).
    print("  out:", greeting.send(None))
    print("  in:  send('Ada')")
    print("  end:", ending(greeting.send, "Ada"))

    print("No answer comes:")
    greeting = greet()
    print("  out:", greeting.send(None))
    print("  in:  throw(TimeoutError('nobody answered'))")
    print("  end:", ending(greeting.throw, TimeoutError("nobody answered")))


if __name__ == "__main__":
    main()
