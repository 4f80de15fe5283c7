"""The table of descriptors: a dict and a list that say the same."""

from lab.loop.turn import PartyTable


def by_number(table: PartyTable) -> dict[int, object]:
    return {fd: party for fd, party in enumerate(table.by_number) if party is not None}


def test_the_list_follows_the_dict_through_every_change() -> None:
    table = PartyTable()
    table[7] = "seven"
    table[2] = "two"
    assert dict(table) == by_number(table) == {7: "seven", 2: "two"}
    table[7] = "another"
    del table[2]
    assert dict(table) == by_number(table) == {7: "another"}
    assert table.pop(7) == "another"
    assert table.pop(7, "nobody") == "nobody"
    assert table.pop(70) is None
    assert dict(table) == by_number(table) == {}


def test_an_emptied_table_can_be_filled_again() -> None:
    table = PartyTable()
    table[3] = "three"
    table.clear()
    assert dict(table) == by_number(table) == {}
    table[1] = "one"
    assert by_number(table) == {1: "one"}
