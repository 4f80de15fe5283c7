"""6. A task drives a coroutine: it runs it up to a future, and has that future wake it up.

It is the driver of file 4 and the callback of file 5 in one. What was a loop there, send after send, is cut
at each pause: the task returns to whoever called it, and others run until its future is done.
"""

from tour5_future import Future, ready


class Task(Future):  # A future itself, for what its coroutine returns: a task can be awaited.
    def __init__(self, coroutine, name):
        super().__init__()
        self.coroutine, self.name = coroutine, name
        ready.append((self.step, None))

    def step(self, error):
        print(f"    {self.name}: {'send(None)' if error is None else f'throw({error!r})'}")
        try:
            future = self.coroutine.send(None) if error is None else self.coroutine.throw(error)
        except StopIteration as stop:
            self.set_result(stop.value)
        except Exception as failure:
            self.set_result(error=failure)
        else:
            future.callbacks.append(self.wake_up)  # Paused: all that is left of the task is this entry.

    def wake_up(self, future):
        print(f"    {self.name}: woken by its future")
        self.step(future.error)  # Without the value: Future.__await__ fetches it itself.


async def greet(name):
    try:
        return f"Hello, {await name}!"
    except TimeoutError:
        return "Hello, stranger!"


def run_ready():
    while ready:
        callback, argument = ready.popleft()
        callback(argument)


def main():
    names = [Future(), Future()]
    tasks = [Task(greet(names[0]), "front door"), Task(greet(names[1]), "back door")]
    print("Both begin, and both wait:")
    run_ready()
    print("At the back door somebody answers:")
    names[1].set_result("Ada")
    run_ready()
    print("At the front door nobody does:")
    names[0].set_result(error=TimeoutError("nobody answered"))
    run_ready()
    print([task.result() for task in tasks])


if __name__ == "__main__":
    main()
