"""5. A future is the promise of a result, and a list of those who want to hear when it is kept.

What should the innermost ``yield`` hand out? Not a question, which somebody would have to understand, but the
missing thing itself. A future goes from PENDING to FINISHED, once, and never back.
"""

from collections import deque

ready = deque()  # Calls that are due: (callback, argument). Whoever drives the program makes them.


class Future:
    def __init__(self):
        self.state, self.callbacks = "PENDING", []
        self.value = self.error = None

    def set_result(self, value=None, error=None):
        assert self.state == "PENDING", "a promise is kept once"
        self.state, self.value, self.error = "FINISHED", value, error
        # Queued, not called: no callback runs in the middle of whatever keeps the promise.
        ready.extend((callback, self) for callback in self.callbacks)

    def result(self):
        if self.error is not None:
            raise self.error
        return self.value

    def __await__(self):
        if self.state == "PENDING":
            yield self  # Here every coroutine pauses, whatever it waits for.
        return self.result()


async def greet(name):
    return f"Hello, {await name}!"


def main():
    name = Future()
    name.callbacks.append(lambda future: print("  The callback hears of", future.result()))

    greeting = greet(name)
    print("It hands out the future that it waits for:", greeting.send(None) is name, name.state)

    name.set_result("Ada")
    print("The promise is kept:", name.state, "- calls that are due:", len(ready))
    while ready:
        callback, argument = ready.popleft()
        callback(argument)

    print("Nobody has told the coroutine. By hand, then:")
    try:
        greeting.send(None)
    except StopIteration as stop:
        print(" ", stop.value)


if __name__ == "__main__":
    main()
