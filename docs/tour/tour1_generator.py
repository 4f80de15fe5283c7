"""1. A generator is a function that can stop half-way, and go on later where it stopped.

An ordinary function keeps its caller waiting until it returns. If it has to wait itself, for an answer that
has not come, everybody waits with it. A generator gives control back at each ``yield`` and keeps its place.
"""

from inspect import getgeneratorstate


def greet(door):
    knocks = 1
    print(f"    {door}: knock number {knocks}, who is there?")
    yield "a name"  # Stops here: the frame, with its locals and its place, stays alive.
    knocks += 1
    print(f"    {door}: knock number {knocks}, still nobody")
    return f"gave up at the {door}"


def main():
    front = greet("front door")
    print("Called, and not a line of it has run:", getgeneratorstate(front))

    print("next() runs it up to its yield.")
    print("  It waits for", next(front))
    print("  It is paused:", getgeneratorstate(front))

    # One thread, two functions half-way done: that is what "concurrent" means in asyncio.
    print("Meanwhile another one can run.")
    back = greet("back door")
    print("  It waits for", next(back))

    print("next() again: the first goes on behind its yield, with the locals that it had.")
    try:
        next(front)
    except StopIteration as stop:  # How a generator says that it has returned, and what.
        print("  It has returned:", stop.value)

    print(f"The first: {getgeneratorstate(front)}. The second: {getgeneratorstate(back)}.")


if __name__ == "__main__":
    main()
