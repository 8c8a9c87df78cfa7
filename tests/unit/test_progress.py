import logging

import pytest
from prefect.artifacts import create_markdown_artifact
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

import tasks


def test_a_server_that_is_away_neither_stops_nor_fails_the_work(caplog: pytest.LogCaptureFixture) -> None:
    away = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    done = []
    with caplog.at_level(logging.WARNING, logger="tasks"), temporary_settings(away):
        with tasks.progress("backup", "Nothing yet") as move:
            move(5, 10, "half")
            done.append("work")
        assert tasks.artifact_of("4f2c", "plan") is None
        assert tasks.shown(lambda: create_markdown_artifact("text", key="report")) is None  # type: ignore[arg-type,return-value]
    assert done == ["work"]
    assert "the work goes on" in caplog.text


def test_an_error_of_the_work_itself_gets_out() -> None:
    away = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(away), pytest.raises(ZeroDivisionError), tasks.progress("backup", "Nothing yet"):
        raise ZeroDivisionError
