"""Names, preference and errors of the registry."""

import pytest

import backends
from backends import registry
from backends.scripted_backend import FakeClock, ScriptedBackend


class HereBackend(ScriptedBackend):
    name = "here"

    def __init__(self):
        super().__init__(FakeClock())


class NowhereBackend(HereBackend):
    name = "nowhere"

    def __init__(self):
        raise backends.BackendUnavailableError("this mechanism exists nowhere; use poll")


def test_names_come_in_order_of_preference():
    assert backends.names() == (
        "epoll",
        "kqueue",
        "poll",
        "select",
        "epoll-et",
        "selectors-epoll",
        "selectors-kqueue",
        "selectors-poll",
        "selectors-select",
    )


def test_a_class_is_called_by_its_own_name():
    assert [backends.backend_class(name).name for name in backends.names()] == list(backends.names())


def test_the_preferred_backend_is_the_first_that_opens(monkeypatch):
    monkeypatch.setattr(registry, "BACKENDS", (NowhereBackend, HereBackend))
    assert isinstance(backends.open_backend(), HereBackend)
    monkeypatch.setattr(registry, "BACKENDS", (NowhereBackend,))
    with pytest.raises(backends.BackendUnavailableError, match="not even select"):
        backends.open_backend()


def test_the_default_here_is_the_first_available():
    available = [name for name in backends.names() if backends.unavailable(name) is None]
    with backends.open_backend() as default, backends.open_backend("select") as named:
        assert default.name == available[0]
        assert named.name == "select"


def test_an_unavailable_backend_says_why(monkeypatch):
    monkeypatch.setitem(registry._BY_NAME, "nowhere", NowhereBackend)
    assert backends.unavailable("nowhere") == "this mechanism exists nowhere; use poll"
    assert backends.unavailable("select") is None
    with pytest.raises(backends.BackendUnavailableError, match="exists nowhere"):
        backends.open_backend("nowhere")


@pytest.mark.parametrize("ask", [backends.open_backend, backends.unavailable, backends.backend_class])
def test_an_unknown_name_gets_the_list_and_the_nearest(ask):
    with pytest.raises(backends.UnknownBackendError) as caught:
        ask("epol")
    assert caught.value.nearest == "epoll"
    assert caught.value.choices == backends.names()
    assert "no backend is called 'epol'. Did you mean 'epoll'? Choose from: epoll, kqueue" in str(
        caught.value
    )


def test_a_name_like_no_other_gets_no_guess():
    with pytest.raises(LookupError) as caught:
        backends.backend_class("zzz")
    assert "Did you mean" not in str(caught.value)
