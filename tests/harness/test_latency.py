"""Percentiles and histograms of raw round-trip times."""

import random

from lab.harness.latency import BUCKET_GROWTH, latency_record


def test_nothing_measured_gives_no_record() -> None:
    assert latency_record([]) is None


def test_percentiles_are_times_that_were_measured() -> None:
    times = list(range(1, 1001))
    random.Random(1).shuffle(times)
    record = latency_record(times)
    assert (record.count, record.min_ns, record.max_ns, record.mean_ns) == (1000, 1, 1000, 500.5)
    assert (record.p50_ns, record.p90_ns, record.p99_ns, record.p999_ns) == (500, 900, 990, 999)


def test_one_request_is_all_percentiles() -> None:
    record = latency_record([7])
    assert {record.p50_ns, record.p90_ns, record.p99_ns, record.p999_ns, record.max_ns} == {7}


def test_each_bucket_holds_what_lies_between_its_neighbours_edges() -> None:
    generator = random.Random(2)
    times = [int(generator.lognormvariate(12, 1)) for _ in range(5000)]
    record = latency_record(times)
    assert sum(record.bucket_counts) == 5000
    assert list(record.bucket_upper_ns) == sorted(set(record.bucket_upper_ns))
    lower = 0
    for upper, count in zip(record.bucket_upper_ns, record.bucket_counts, strict=True):
        assert count == sum(lower < time <= upper for time in times)
        lower = upper
    assert record.bucket_upper_ns[-1] <= record.max_ns * BUCKET_GROWTH + 1


def test_buckets_of_different_samples_share_their_edges() -> None:
    first = latency_record([1000, 5000, 90_000])
    second = latency_record([1003, 5001, 90_001])
    assert first.bucket_upper_ns == second.bucket_upper_ns


def test_a_time_of_zero_has_a_bucket() -> None:
    record = latency_record([0, 0, 3])
    assert sum(record.bucket_counts) == 3
    assert record.min_ns == 0
