"""The table of descriptors: a dict of parties and a list of their calls that agree."""

from lab.loop.parties import PartyTable, ask_the_table


class Party:
    """What waits for a descriptor, as far as the table knows it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fire(self) -> str:
        return self.name


def fired(table: PartyTable) -> dict[int, object]:
    return {fd: fire() for fd, fire in enumerate(table.calls) if fire is not ask_the_table}


def names(table: PartyTable) -> dict[int, str]:
    return {fd: party.name for fd, party in table.items()}


def test_the_list_follows_the_dict_through_every_change() -> None:
    table = PartyTable({})
    table[7] = Party("seven")
    table[2] = Party("two")
    assert names(table) == fired(table) == {7: "seven", 2: "two"}
    table[7] = Party("another")
    del table[2]
    assert names(table) == fired(table) == {7: "another"}
    assert table.pop(7).name == "another"
    assert table.pop(7, "nobody") == "nobody"
    assert table.pop(70) is None
    assert names(table) == fired(table) == {}


def test_an_emptied_table_can_be_filled_again() -> None:
    table = PartyTable({})
    table[3] = Party("three")
    table.clear()
    assert names(table) == fired(table) == {}
    table[1] = Party("one")
    assert fired(table) == {1: "one"}


def test_a_fresh_party_is_in_the_table_but_not_in_the_list() -> None:
    fresh = {3: 1}
    table = PartyTable(fresh)
    table[3] = Party("three")
    table[4] = Party("four")
    assert names(table) == {3: "three", 4: "four"}
    assert fired(table) == {4: "four"}
    table.hide(4)
    table.hide(400)
    assert fired(table) == {}
    table.show(3)
    table.show(4)
    table.show(400)
    assert names(table) == fired(table) == {3: "three", 4: "four"}
