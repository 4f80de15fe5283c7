"""The summary in Markdown: what the terminal shows at the end of a run, and what fits into an issue."""

from __future__ import annotations

from lab.results import SubjectRecord
from reports.analysis.answer import answer
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.pages import growth, knees, one_rate, phrases, trust, wording
from reports.pages.context import answer_rows
from reports.pages.headline import headline

SCENARIOS_AT_MOST = 12


def markdown(judgement: Judgement) -> str:
    """Banners, the answer, a verdict a workload and a table a scenario."""
    found = answer(judgement)
    parts = [f"# {headline(judgement, found)}"]
    parts += [f"> **{each.what}** {each.todo}" for each in trust.banners(judgement)]
    parts.append(
        "\n".join(
            f"- **{question}:** {text}" for question, text in answer_rows(judgement, found, with_tables=True)
        )
    )
    parts.append("## Verdicts")
    parts.append(
        "\n".join(
            f"- **{name}:** {wording.workload_verdict(judgement, members)}"
            for name, members in judgement.workloads().items()
        )
    )
    parts += [_table(judgement), growth.markdown_table(judgement), knees.markdown_table(judgement)]
    parts.append(one_rate.markdown_table(judgement))
    where = "Full report: report.html. Samples: samples.csv. Pictures: figures/."
    parts.append(f"{where}\nRepeat with: `{judgement.run.record.command}`")
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(judgement: Judgement) -> str:
    """Median cost by scenario and subject; the best of each scenario in bold."""
    shown = [each for each in judgement.scenarios if each.ranking][:SCENARIOS_AT_MOST]
    names = [each.name for each in judgement.run.record.subjects if _has_column(each, shown)]
    if not shown:
        return ""
    how = "median; best in bold" if any(each.best for each in shown) else "median"
    rows = [
        f"Server CPU per operation, µs ({how}):",
        "",
        "| scenario | " + " | ".join(_escaped(name) for name in names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    rows += ["| " + " | ".join([_escaped(_named(each)), *_costs(each, names)]) + " |" for each in shown]
    hidden = sum(bool(each.ranking) for each in judgement.scenarios) - len(shown)
    return "\n".join(rows) + (
        f"\n\nand {phrases.counted(hidden, 'more scenario')} in the report" if hidden else ""
    )


def _has_column(subject: SubjectRecord, shown: list[ScenarioJudgement]) -> bool:
    """The twin stands in the A/A check; for somebody's own program there is no floor."""
    is_absent = subject.kind == "floor" and not any(each.cells[subject.name].cost for each in shown)
    return subject.twin_of is None and not is_absent


def _named(judged: ScenarioJudgement) -> str:
    """The scenario's id; of somebody's own program the title, as its id holds a checksum."""
    return judged.scenario.title if judged.scenario.program else judged.scenario.id


def _costs(judged: ScenarioJudgement, names: list[str]) -> list[str]:
    cells = []
    for name in names:
        cost = judged.cells[name].cost
        text = phrases.number(cost.value if cost else None)
        cells.append(f"**{text}**" if name in judged.best else text)
    return cells


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
