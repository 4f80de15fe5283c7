"""Latency against offered load, on made-up runs of which it is known who gives in where."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import SUBJECTS, SyntheticRun, echo, ring

from lab.results import CapacityRecord, LatencyRecord, OpenLoopRecord, Run, Sample, ScenarioRecord
from reports.analysis.judgement import Judgement, judge
from reports.analysis.knee import LoadCurve, offered_loads
from reports.analysis.load import check_load
from reports.analysis.scaling import scalings
from reports.figures import latency as latency_figure
from reports.figures import offered_load
from reports.figures.registry import FIGURES
from reports.pages import knees, load, one_rate
from reports.pages.context import context
from reports.pages.page import html
from reports.pages.summary import markdown
from reports.pages.trust import banners

RATES = (10_000, 20_000, 40_000, 80_000)
SERVES_PER_S = {"epoll": 50_000, "poll": 30_000, "asyncio": 15_000, "select": 5_000, "floor": 200_000}
"""What each serves with short latencies; the twin as poll does."""
FEW = tuple(each for each in SUBJECTS if each.name in SERVES_PER_S or each.twin_of)
WINDOW_S = 0.5
TITLE = "Echo over sockets, 64 connections, 1 KiB"


def at(rate_per_s: int, closed: ScenarioRecord | None = None) -> ScenarioRecord:
    closed = closed or echo()
    title = f"{closed.title}, {rate_per_s:,} offered/s"
    changes = {"title": title, "load": "open", "rate_per_s": rate_per_s, "paced": True}
    return dataclasses.replace(closed, id=f"{closed.id}@{rate_per_s}", **changes)


def latency(p99_ns: int, count: int) -> LatencyRecord:
    return LatencyRecord(count, p99_ns // 9, p99_ns / 2, p99_ns // 2, p99_ns * 3 // 4, p99_ns, p99_ns, p99_ns)


def offered(sample: Sample, rate_per_s: int, *, limited: bool = False) -> Sample:
    """``sample`` as an open loop: at ease below what the subject serves, swamped above."""
    serves = SERVES_PER_S.get(sample.subject, 30_000)
    swamped = rate_per_s > serves
    total = round(rate_per_s * WINDOW_S)
    served = min(total, 2 * round(serves * WINDOW_S))
    window_s = WINDOW_S * 2 if swamped else WINDOW_S
    from_send = latency(2_000_000 if swamped else 100_000, served)
    kept = OpenLoopRecord(
        offered=total,
        unserved=total - served,
        backlog=total // 2 if swamped else 3,
        drain_s=window_s - WINDOW_S,
        on_the_way=served / window_s * from_send.mean_ns / 1e9,
        uncorrected=from_send,
        late_p50_ns=1_000,
        late_p99_ns=5_000,
        late_max_ns=9_000,
    )
    corrected = latency(300_000_000 if swamped else 110_000, served)
    changes = {"operations": served, "window_s": window_s, "latency": corrected, "open_loop": kept}
    cost_s = sample.cpu_us_per_operation * served / 1e6
    return dataclasses.replace(sample, **changes, cpu_user_s=cost_s, cpu_system_s=0.0, client_limited=limited)


def run(rates: tuple[int, ...] = RATES, *, limited_from: int | None = None, rounds: int = 5) -> Run:
    scenarios = tuple(at(rate) for rate in rates)
    made = SyntheticRun(subjects=FEW, scenarios=scenarios, rounds=rounds).build()
    by_id = {each.id: each.rate_per_s or 0 for each in scenarios}
    samples = tuple(
        offered(each, rate, limited=limited_from is not None and rate >= limited_from)
        for each in made.samples
        for rate in (by_id[each.scenario],)
    )
    return dataclasses.replace(made, samples=samples)


@pytest.fixture(scope="module")
def judged() -> Judgement:
    return judge(run())


def curve(judgement: Judgement, subject: str) -> LoadCurve:
    (found,) = offered_loads(judgement)
    return next(each for each in found.curves if each.subject.name == subject)


@pytest.mark.parametrize(
    ("subject", "bracket"),
    [
        ("epoll", "40,000 to 80,000"),
        ("poll", "20,000 to 40,000"),
        ("asyncio", "10,000 to 20,000"),
        ("select", "below 10,000"),
        ("floor", "80,000 or more"),
    ],
)
def test_a_knee_is_a_bracket_between_two_rates(judged: Judgement, subject: str, bracket: str) -> None:
    assert knees.bracket(curve(judged, subject)) == bracket


def test_the_twin_has_no_curve_and_all_others_have_every_rate(judged: Judgement) -> None:
    (found,) = offered_loads(judged)
    assert (found.title, found.rates) == (TITLE, RATES)
    names = [each.subject.name for each in found.curves]
    assert "asyncio-again" not in names and len(names) == 5
    assert all([point.rate_per_s for point in each.points] == list(RATES) for each in found.curves)


def test_both_latencies_stand_side_by_side_and_part_beyond_the_knee(judged: Judgement) -> None:
    at_knee, beyond = curve(judged, "asyncio").knee, curve(judged, "asyncio").beyond
    assert at_knee is not None and beyond is not None
    assert (at_knee.p99_ms, at_knee.uncorrected_p99_ms) == pytest.approx((0.11, 0.1))
    assert (beyond.p99_ms, beyond.uncorrected_p99_ms) == pytest.approx((300, 2))
    (table,) = knees.tables(judged)
    (cells,) = (cells for name, cells in table.rows if name == "asyncio")
    assert [value for value, _ in cells[3:7]] == ["0.11", "0.10", "300", "2.00"]


def test_requests_that_were_never_sent_are_said(judged: Judgement) -> None:
    (table,) = knees.tables(judged)
    (cells,) = (cells for name, cells in table.rows if name == "select")
    assert cells[:2] == (("-", "not the lowest"), ("10.0", ""))
    swamped = curve(judged, "select").points[-1]
    assert swamped.unserved == pytest.approx(1 - 5_000 / 40_000)
    assert not swamped.served


def test_one_bad_round_of_five_does_not_move_the_knee() -> None:
    made = run()
    slow = latency(50_000_000, 5_000)
    samples = tuple(
        dataclasses.replace(each, latency=slow) if each.subject == "epoll" and each.round == 2 else each
        for each in made.samples
    )
    judgement = judge(dataclasses.replace(made, samples=samples))
    assert knees.bracket(curve(judgement, "epoll")) == "40,000 to 80,000"


def test_a_rate_that_is_served_above_one_that_is_not_is_told_beside_the_knee(judged: Judgement) -> None:
    made = run()
    samples = tuple(
        dataclasses.replace(each, latency=latency(50_000_000, 5_000))
        if each.subject == "epoll" and "@20000" in each.scenario
        else each
        for each in made.samples
    )
    disturbed = judge(dataclasses.replace(made, samples=samples))
    assert knees.bracket(curve(disturbed, "epoll")) == "10,000 to 20,000"
    (said,) = knees.sentences(disturbed)
    assert "But epoll served 40,000 again, so a knee below that is in doubt" in said
    assert "again" not in knees.sentences(judged)[0]


def test_where_the_load_was_the_limit_the_knee_has_no_upper_end() -> None:
    judgement = judge(run(limited_from=80_000, rounds=3))
    assert knees.bracket(curve(judgement, "epoll")) == "40,000 or more"
    assert knees.bracket(curve(judgement, "asyncio")) == "10,000 to 20,000"
    assert "It was the limit in 18 of 72 samples." in knees.notes(judgement)[0]
    assert banners(judgement) == []


def test_rounds_in_which_the_load_was_the_limit_do_not_tell() -> None:
    made = run()
    samples = tuple(
        dataclasses.replace(each, latency=latency(50_000_000, 5_000), client_limited=True)
        if each.subject == "epoll" and (each.round < 4 or "@20000" in each.scenario)
        else each
        for each in made.samples
    )
    epoll = curve(judge(dataclasses.replace(made, samples=samples)), "epoll")
    assert [point.served for point in epoll.points] == [True, None, True, False]
    assert knees.bracket(epoll) == "40,000 to 80,000"
    assert epoll.knee is not None and epoll.knee.p99_ms == pytest.approx(0.11)


def test_where_no_round_tells_nothing_is_claimed() -> None:
    made = run(RATES[2:], limited_from=0, rounds=1)
    judgement = judge(made)
    assert knees.bracket(curve(judgement, "asyncio")) == "not known: the load was the limit"
    (table,) = knees.tables(judgement)
    (cells,) = (cells for name, cells in table.rows if name == "asyncio")
    assert cells[:2] == (("-", ""), ("-", "the load was the limit"))


def test_a_load_that_was_mostly_the_limit_is_a_banner() -> None:
    judgement = judge(run(limited_from=20_000, rounds=3))
    said = [each.what for each in banners(judgement)]
    assert (
        f"The load could not keep its schedule by itself: it was the limit in 54 of 72 samples ({TITLE})."
        in said
    )
    (sentence,) = knees.sentences(judgement)
    assert sentence.endswith("The load was the limit in 54 of 72 samples: the knees may lie higher.")


def test_a_trial_stands_beside_the_knee() -> None:
    made = run(rounds=1)
    found = {"epoll": (51_000.0, True), "select": (0.0, False), "asyncio": (16_000.0, False)}
    trials = tuple(CapacityRecord(name, echo().id, *each) for name, each in found.items())
    record = dataclasses.replace(made.record, capacities=trials)
    (table,) = knees.tables(judge(dataclasses.replace(made, record=record)))
    assert {name: cells[-1] for name, cells in table.rows} == {
        "epoll": ("51.0", "client-limited"),
        "select": ("-", "failed"),
        "asyncio": ("16.0", ""),
        "poll": ("-", ""),
        "floor": ("-", ""),
    }


def test_littles_law_holds_against_what_the_load_counted_along(judged: Judgement) -> None:
    found = check_load(judged, at(10_000))
    assert found is not None
    assert (found.checked, found.off, found.ceiling_per_s, found.fastest) == (30, (), None, None)
    said = load.note(judged, at(10_000).id)
    assert "Little's law (throughput x mean latency = what the load counted along on the way) holds" in said


def test_a_count_that_the_latencies_contradict_breaks_the_law() -> None:
    made = run(rounds=1)
    samples = tuple(
        dataclasses.replace(each, open_loop=dataclasses.replace(each.open_loop, on_the_way=99.0))
        if each.subject == "poll" and each.open_loop
        else each
        for each in made.samples
    )
    found = check_load(judge(dataclasses.replace(made, samples=samples)), at(10_000))
    assert found is not None and found.off == ("poll",)


def test_throughput_is_no_result_at_an_offered_rate(judged: Judgement) -> None:
    tables = context(judged)["scenarios"]
    assert not any("/s" in heading for table in tables for heading in table["headings"])


def test_each_rate_has_its_table_with_what_was_answered_and_both_latencies(judged: Judgement) -> None:
    table = next(each for each in context(judged)["scenarios"] if each["scenario"].rate_per_s == 40_000)
    cells = {row.name: dict(zip(table["headings"], row.cells, strict=True)) for row in table["rows"]}
    assert (cells["epoll"]["answered"], cells["select"]["answered"]) == (("100.0 %", ""), ("25.0 %", ""))
    assert cells["select"]["p99, µs"] == ("300,000", "")
    assert cells["select"]["p99 from the actual send, µs"] == ("2,000", "")


def test_the_summary_has_the_knees(judged: Judgement) -> None:
    said = markdown(judged)
    assert "The knee: offered requests per second that are all answered, p99 below 10 ms:" in said
    assert "| epoll | 40,000 to 80,000 |" in said
    assert "from the intended send: 80,000 or more on the floor, 40,000 to 80,000 on epoll" in said


def test_the_picture_says_every_knee_and_stands_on_the_page_beside_the_table(judged: Judgement) -> None:
    (picture,) = offered_load.draw(judged)
    page = html(judged, {**{key: [] for key in FIGURES}, "offered load": [picture]})
    assert picture.svg in page and picture.title in page
    assert "From the actual send" in page and "not the lowest" in page
    assert picture.name == "load-1"
    assert "epoll 40,000 to 80,000" in picture.alt
    assert "p99 below 10 ms" in picture.caption
    assert picture.note.startswith("Noise: asyncio and asyncio-again, the same loop, lie up to ")
    assert picture.note.endswith(
        "apart at rates that asyncio keeps up with; smaller differences may be chance."
    )


def test_latencies_stand_alone_where_no_throughput_is_a_result(judged: Judgement) -> None:
    (picture,) = latency_figure.draw(judged)
    assert picture.caption.startswith("Latencies, medians") and "Right: throughput" not in picture.caption
    assert "thousands" not in picture.svg
    (both,) = latency_figure.draw(judge(SyntheticRun(scenarios=(echo(),), rounds=1).build()))
    assert both.caption.startswith("Left: latencies") and "thousands" in both.svg


def test_a_single_rate_makes_a_table_and_no_picture() -> None:
    judgement = judge(run((10_000,), rounds=1))
    assert offered_load.draw(judgement) == []
    assert [table.title for table in one_rate.tables(judgement)] == [f"{TITLE}, 10,000 requests/s offered"]


def test_closed_loops_and_workloads_that_drive_themselves_have_no_offered_load() -> None:
    judgement = judge(SyntheticRun(scenarios=(echo(), ring(100)), rounds=1).build())
    assert offered_loads(judgement) == ()
    assert knees.markdown_table(judgement) == ""
    assert knees.unpunctual(judgement) == ""


def test_an_axis_joins_only_scenarios_of_one_rate() -> None:
    scenarios = tuple(at(rate, echo(connections)) for rate in (100, 200) for connections in (8, 16))
    judgement = judge(SyntheticRun(scenarios=scenarios, rounds=1).build())
    assert [family.fixed for family in scalings(judgement)] == [
        {"size": 1024, "offered/s": 100},
        {"size": 1024, "offered/s": 200},
    ]
