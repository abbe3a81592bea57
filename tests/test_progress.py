"""The estimate of the time left, on events with known times."""

import io
import logging

import pytest

from workflow.progress import Progress, earlier_seconds, spoken


def told(progress: Progress, event: str, now: float, **fields) -> None:
    """Send one event of the engine, at a time in seconds."""
    record = logging.LogRecord("engine", logging.INFO, "", 0, None, None, None)
    record.created, record.event = now, event
    record.__dict__ |= fields
    progress.handle(record)


@pytest.fixture
def progress(tmp_path):
    """A run of four trainings and two scores, of which an earlier run knows nothing."""
    progress = Progress(tmp_path, io.StringIO())
    told(progress, "run_info", 0, stats={"train": 4, "score": 2, "total": 6})
    return progress


def test_one_after_the_other(progress):
    for job in range(2):
        told(progress, "job_info", 10 * job, jobid=job, rule_name="train")
        told(progress, "job_finished", 10 * job + 10, job_id=job)
    assert progress.left(20) == pytest.approx(2 * 10 + 2 * 10)  # a score is taken to be as long
    told(progress, "job_info", 20, jobid=2, rule_name="score")
    told(progress, "job_finished", 22, job_id=2)
    assert progress.left(22) == pytest.approx(2 * 10 + 2)
    told(progress, "progress", 22, done=3, total=6)
    assert progress.stream.getvalue() == "about 22 s to go, 22 s so far\n"


def test_two_at_a_time_are_twice_as_fast(progress):
    for job in range(2):
        told(progress, "job_info", 0, jobid=job, rule_name="train")
    for job in range(2):
        told(progress, "job_finished", 10, job_id=job)
    assert progress.left(10) == pytest.approx((2 * 10 + 2 * 10) / 2)
    for job in (2, 3):
        told(progress, "job_info", 10, jobid=job, rule_name="train")
    assert progress.left(15) == pytest.approx((2 * 5 + 2 * 10) / 2)


def test_a_job_longer_than_the_others_is_waited_for(progress):
    told(progress, "job_info", 0, jobid=0, rule_name="score")
    told(progress, "job_finished", 100, job_id=0)
    progress.waiting = {"score": 1}
    told(progress, "job_info", 100, jobid=1, rule_name="score")
    assert progress.left(130) == pytest.approx(70)
    assert progress.left(400) == 0


def test_what_an_earlier_run_noted_is_used_until_known_better(tmp_path):
    path = tmp_path / "score" / "nll" / "seed0.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\tmax_rss\n40.0\tNA\n")
    path.with_name("seed1.tsv").write_text("s\tmax_rss\n\tNA\n")  # damaged
    assert earlier_seconds(tmp_path) == {"score": 40.0}
    progress = Progress(tmp_path, io.StringIO())
    told(progress, "run_info", 0, stats={"train": 1, "score": 2, "total": 3})
    told(progress, "job_info", 0, jobid=0, rule_name="train")
    told(progress, "job_finished", 10, job_id=0)
    assert progress.left(10) == pytest.approx(2 * 40)


def test_nothing_is_said_before_the_first_and_after_the_last(progress):
    told(progress, "progress", 0, done=0, total=6)
    told(progress, "job_info", 0, jobid=0, rule_name="train")
    told(progress, "job_error", 5, jobid=0)
    told(progress, "job_info", 5, jobid=1, rule_name="train")
    told(progress, "job_finished", 10, job_id=1)
    told(progress, "progress", 10, done=6, total=6)
    logging.getLogger("engine").addHandler(progress)
    logging.getLogger("engine").warning("a line of text is no event")
    assert progress.stream.getvalue() == ""


def test_durations_in_words():
    assert [spoken(s) for s in (0, 42.4, 150, 7200)] == ["0 s", "42 s", "2 min", "2.0 h"]
