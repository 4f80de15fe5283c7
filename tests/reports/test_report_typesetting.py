"""Sentences become mark-up that a narrow page breaks where a person would."""

from __future__ import annotations

import pytest

from reports.pages.page import typeset


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("0.48x asyncio's", "0.48&times; asyncio&#39;s"),
        ("0.47-0.50", '<span class="whole">0.47&ndash;0.50</span>'),
        ("from 0.47-0.50, 2 more", 'from <span class="whole">0.47&ndash;0.50</span>, 2 more'),
        ("2,995,486-29,025,509", '<span class="whole">2,995,486&ndash;29,025,509</span>'),
        (
            "16-19, 1,000-2,000.",
            '<span class="whole">16&ndash;19</span>, <span class="whole">1,000&ndash;2,000</span>.',
        ),
        ("bench --resume runs/20260102-030405", "bench --resume runs/20260102-030405"),
        ("runs/1-2/samples.jsonl, line 9", "runs/1-2/samples.jsonl, line 9"),
        ("7.1 µs of 5 %", "7.1&nbsp;µs of 5&nbsp;%"),
        ("64 connections, 1 KiB, 20 Bytes", "64 connections, 1&nbsp;KiB, 20 Bytes"),
        (
            "apart in split-writes[body=4096,connections=64].",
            'apart in <span class="whole">split-writes</span><wbr>[body=4096,<wbr>connections=64].',
        ),
        ("a list[0], a set {1,2}", "a list[0], a set {1,2}"),
        ("<b>[x=1,y=<i>]", "&lt;b&gt;[x=1,y=&lt;i&gt;]"),
    ],
)
def test_a_sentence_is_typeset_and_escaped(text: str, set_as: str) -> None:
    assert typeset(text) == set_as
