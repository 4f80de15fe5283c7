"""What the templates show: the judgement turned into rows and cells of text.

Rule: templates hold no arithmetic and no decisions on data; this module holds no mark-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.results import RunRecord
from reports.analysis.answer import Answer, answer, references
from reports.analysis.cells import Cell
from reports.analysis.comparison import Comparison
from reports.analysis.estimate import confidence
from reports.analysis.explanation import READING_AIDS, explaining_columns, facts
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.analysis.microbench import microbench_rows
from reports.analysis.tidy import COLUMNS
from reports.pages import (
    growth,
    knees,
    load,
    one_rate,
    opening,
    phrases,
    seasoning,
    steadiness,
    syscalls,
    tally,
    trust,
    wording,
)
from reports.pages.headline import headline, question


@dataclass(frozen=True)
class ResultRow:
    """One subject in the table of a scenario, as text."""

    name: str
    label: str
    role: str
    best: bool
    missing: str | None
    cells: tuple[tuple[str, str], ...]
    """Value and, in smaller type, its interval."""


def context(judgement: Judgement) -> dict[str, Any]:
    """Everything that ``report.html.j2`` names, pictures excepted."""
    found = answer(judgement)
    record = judgement.run.record
    return {
        "record": record,
        "warnings": (*record.warnings, *judgement.run.damage),
        "question": question(found),
        "headline": headline(judgement, found),
        "banners": trust.banners(judgement),
        **opening.words(judgement, found),
        "answer": answer_rows(judgement, found),
        "workloads": [
            (name, members[0].scenario.question, wording.workload_verdict(judgement, members))
            for name, members in judgement.workloads().items()
        ],
        "scenarios": [scenario_table(judgement, each) for each in judgement.scenarios],
        "seasoning": seasoning.tables(judgement),
        "no_seasoning": seasoning.why_none(record),
        "aids": _aids(judgement),
        **_certainty(judgement),
        "is_together": any(each.block is not None for each in judgement.run.samples),
        "growth": growth.tables(judgement),
        "at_one_rate": one_rate.tables(judgement),
        "knees": knees.tables(judgement),
        "knee_bound": knees.BOUND,
        "punctuality": knees.notes(judgement),
        "syscalls": syscalls.tables(judgement),
        "no_syscalls": syscalls.why_none(judgement),
        "microbench": microbench_table(judgement),
        "steadiness": steadiness.statement(judgement),
        "at_full_speed": judgement.core.is_told,
        "environment": environment_rows(record),
        "not_run": [(each.subject, _where(record, each.scenario), each.reason) for each in record.not_run],
        "failed": failed_rows(judgement),
        "excluded": excluded_counts(judgement),
        "taken": tally.taken(judgement),
        "rounds": rounds(record),
        "columns": COLUMNS,
    }


def answer_rows(
    judgement: Judgement, found: Answer | None, *, with_tables: bool = False
) -> list[tuple[str, str]]:
    """The overall answer, question by question; empty answers are left out. ``with_tables``: those of what
    descriptors add follow at once, so that their figures need not be told."""
    if found is None:
        return [("What to do", tally.way_on(judgement))]
    rows = [
        ("By how much", wording.by_how_much(judgement, found)),
        ("Tied", wording.tie(found)),
        ("Except", wording.exceptions(found.champion)),
        ("Other loops", wording.other_loops(found)),
        ("Why", " ".join(wording.because(found))),
        ("System calls", syscalls.sentence(judgement, found)),
        (
            "With more descriptors",
            " ".join((growth.pointers if with_tables else growth.sentences)(judgement)),
        ),
        ("Under offered load", " ".join(knees.sentences(judgement) + one_rate.sentences(judgement))),
        ("With a fresh allocator", " ".join(seasoning.sentences(judgement))),
        ("Careful", trust.disagreement(judgement, found)),
        ("The load", load.summary(judgement)),
        ("How sure", trust.how_sure(judgement, found)),
    ]
    return [(question, text) for question, text in rows if text]


def scenario_table(judgement: Judgement, judged: ScenarioJudgement) -> dict[str, Any]:
    """One scenario: results and explaining figures, subjects by cost, then those that did not run."""
    cells = sorted(judged.cells.values(), key=lambda cell: cell.cost.value if cell.cost else float("inf"))
    columns = explaining_columns(judged)
    return {
        "scenario": judged.scenario,
        "best": judged.best,
        "noise_floor": phrases.apart(judged.noise_floor),
        "load": load.note(judgement, judged.scenario.id),
        "headings": _headings(judgement, judged),
        "latency": judged.scenario.latency if any(cell.latency_us for cell in cells) else None,
        "rows": [_result_row(judged, cell) for cell in cells],
        "why_headings": [
            READING_AIDS.get(name, (name.removeprefix("counter_").replace("_", " "), ""))[0]
            for name in columns
        ],
        "why_rows": [
            (cell.subject.name, [phrases.number(facts(judged, cell.subject.name).get(n)) for n in columns])
            for cell in cells
            if cell.cost
        ],
        "against": [
            (each.name, phrases.ratio(judged.compare(judged.best[0], each.name).ratio))
            for each in (references(judgement, judged, judged.best[0]) if judged.best else [])
        ],
    }


def _certainty(judgement: Judgement) -> dict[str, object]:
    """What a difference is held against."""
    rounds = judgement.rounds
    return {
        "a_a": trust.a_a_statement(judgement),
        "noise_floor": trust.noise_floors(judgement),
        "has_intervals": rounds > 1,
        "level": phrases.level(rounds),
        "chance_at_most": phrases.percent(1 - confidence(rounds)),
    }


def _aids(judgement: Judgement) -> list[tuple[str, str]]:
    """How to read the columns that explain a cost, as far as any table has them."""
    shown = {name for each in judgement.scenarios for name in explaining_columns(each)}
    return [aid for name, aid in READING_AIDS.items() if name in shown]


def _headings(judgement: Judgement, judged: ScenarioJudgement) -> list[str]:
    unit = judged.scenario.unit
    control = judgement.control.name if judgement.control else "control"
    heads = [f"CPU per {unit}, µs", f"x {control}", "verdict"]
    heads += [f"x {judged.floor.subject.name}"] if judged.floor else []
    if not judged.scenario.paced:
        heads.append(f"thousand {phrases.plural(unit)}/s")
    is_open = judged.scenario.load == "open"
    heads += ["answered"] if is_open else []
    if any(cell.latency_us for cell in judged.cells.values()):
        heads += ["p50, µs", "p90, µs", "p99, µs", "p99.9, µs"]
        heads += ["p99 from the actual send, µs"] if is_open else []
    return [*heads, "rounds"]


def _result_row(judged: ScenarioJudgement, cell: Cell) -> ResultRow:
    subject = cell.subject
    roles = {"floor": "no event loop"}
    role = "A/A twin" if subject.twin_of else "control" if subject.control else roles.get(subject.kind, "")
    return ResultRow(
        name=subject.name,
        label=subject.label,
        role=role,
        best=subject.name in judged.best,
        missing=cell.missing,
        cells=tuple(_result_cells(judged, cell)) if cell.cost else (),
    )


def _result_cells(judged: ScenarioJudgement, cell: Cell) -> list[tuple[str, str]]:
    cost, through = cell.cost, cell.throughput
    spread = f"{phrases.number(cost.low)}-{phrases.number(cost.high)}" if cost and cost.has_interval else ""
    is_control, is_floor = cell.subject.control, cell.subject.kind == "floor"
    verdict = _verdict_cell(cell.to_control) if cell.to_control and not is_control else ("", "")
    row = [
        (phrases.number(cost.value if cost else None), spread),
        ("1", "") if is_control else _ratio_cell(cell.to_control),
        verdict,
    ]
    if judged.floor:
        row.append(("1", "") if is_floor else _ratio_cell(cell.to_floor))
    if not judged.scenario.paced:
        limited = "client-limited" if cell.client_limited else ""
        row.append((phrases.number(through.value / 1e3 if through else None), limited))
    is_open = judged.scenario.load == "open"
    row += [("-" if cell.answered is None else phrases.percent(cell.answered), "")] if is_open else []
    if any(other.latency_us for other in judged.cells.values()):
        for name in ("p50", "p90", "p99", "p999"):
            row.append((phrases.number(cell.latency_us.get(name)), ""))
        row += [(phrases.number(cell.uncorrected_p99_us), "")] if is_open else []
    notes = [f"{cell.failed} failed"] if cell.failed else []
    if judged.scenario.paced and cell.client_limited:
        notes.append(f"{cell.client_limited} client-limited")
    return [*row, (str(len(cell.costs)), ", ".join(notes))]


def _verdict_cell(compared: Comparison) -> tuple[str, str]:
    by_chance = compared.probability
    return phrases.verdict(compared), f"chance {phrases.percent(by_chance)}" if by_chance < 1 else ""


def _ratio_cell(compared: Comparison | None) -> tuple[str, str]:
    if compared is None or compared.ratio is None:
        return ("-", "")
    spread = phrases.interval(compared.ratio) if compared.ratio.has_interval else ""
    return (phrases.times(compared.ratio.value)[:-1], spread)


def microbench_table(judgement: Judgement) -> dict[str, list[tuple[str, ...]]]:
    """Rows by group: name, parameters, median and quartiles in nanoseconds, rounds."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in microbench_rows(judgement.run.microbench):
        values = ", ".join(f"{name} {value}" for name, value in row.parameters.items())
        quartiles = f"{phrases.number(row.low_ns)}-{phrases.number(row.high_ns)}"
        groups.setdefault(row.group, []).append(
            (row.name, values, phrases.number(row.median_ns), quartiles, f"{row.rounds:,}")
        )
    return groups


def environment_rows(record: RunRecord) -> list[tuple[str, str]]:
    """The machine, the software and how the load used them; what the system would not say reads "unknown"."""
    environment = record.environment
    memory = environment.memory_bytes
    load = environment.load_average
    rows: list[tuple[str, object]] = [
        ("System", environment.system),
        ("CPU", environment.cpu_model),
        ("Cores", f"{environment.cores_usable} usable of {environment.cores_logical}"),
        ("Pinning", environment.pinning),
        ("Load processes of a sample", record.load_processes),
        ("Allocator of the measured processes", seasoning.state(record)),
        ("Memory", f"{memory / 2**30:.1f} GiB" if memory else None),
        ("Frequency governor", environment.governor),
        ("Virtualisation", environment.virtualisation),
        ("Load average at the start", ", ".join(f"{each:.2f}" for each in load) if load else None),
        (
            "Descriptor limit",
            f"{environment.descriptor_limit:,} (hard {environment.descriptor_limit_hard:,})",
        ),
        ("Python", environment.python),
        ("muxlab", environment.muxlab),
        *environment.packages.items(),
        *environment.extra.items(),
    ]
    return [(name, "unknown" if value is None else str(value)) for name, value in rows]


def rounds(record: RunRecord) -> str:
    """How many rounds there were: ``5 rounds``, with those of warm-up if there were any."""
    said = phrases.counted(record.rounds, "round")
    return said + (f" after {record.warmup_rounds} of warm-up" if record.warmup_rounds else "")


def _where(record: RunRecord, scenario_id: str | None) -> str:
    """The scenario's id; of somebody's own program the title, as its id holds a checksum."""
    own = {each.id: each.title for each in record.scenarios if each.program}
    return own.get(scenario_id or "", scenario_id or "every scenario")


def failed_rows(judgement: Judgement) -> list[tuple[str, str, str, str, str]]:
    """Subject, scenario, round, reason and the tail of standard error of each failed sample."""
    failed = judgement.frame[judgement.frame["status"] == "failed"]
    failed = failed.assign(scenario=[_where(judgement.run.record, each) for each in failed["scenario"]])
    return [
        tuple(str(value) if value == value and value is not None else "" for value in row)  # type: ignore[misc]
        for row in failed[["subject", "scenario", "round", "reason", "stderr_tail"]].itertuples(index=False)
    ]


def excluded_counts(judgement: Judgement) -> list[tuple[str, int]]:
    """Why samples do not count, and how many."""
    counts = judgement.frame["excluded"].dropna().value_counts()
    return [(str(reason), int(count)) for reason, count in counts.items()]
