"""Alerts of each tool, as the tools send them, become requests; what makes none says why, all of it at once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments import alerts, mapping
from deployments.alerts import AlertInvalid, NothingToPropose
from deployments.mapping import MappingInvalid
from runbook.planning import criteria
from runbook.request import RollbackRequest

ALERTS = Path(__file__).parents[1] / "alerts"
CHAT = "critical functionality broken: chat"


def payload(name: str) -> dict[str, Any]:
    return alerts.parse((ALERTS / f"{name}.json").read_text())


def asked(sent: dict[str, Any], **told: Any) -> RollbackRequest:
    return alerts.request(sent, mapping.fitting(sent), told)


@pytest.mark.parametrize(
    ("name", "title"),
    [("alertmanager_firing", "Alertmanager"), ("pagerduty_triggered", "PagerDuty"), ("generic", "generic")],
)
def test_a_payload_is_known_by_itself(name: str, title: str) -> None:
    assert mapping.fitting(payload(name)).title == title


@pytest.mark.parametrize("name", ["alertmanager_firing", "alertmanager_group", "pagerduty_triggered", "generic"])
def test_what_is_proposed_is_justified_by_the_procedure(name: str) -> None:
    assert criteria.judge(asked(payload(name))).word == "justified"


def test_alertmanager() -> None:
    request = asked(payload("alertmanager_firing"))
    assert request.reason == "42 % of chat answers end with an error."
    assert request.triggers == [CHAT]
    assert request.identified_at == datetime(2026, 11, 22, 2, 40, 12, 345000, UTC)
    assert request.requested_by == "Alertmanager, receiver digitaltwin-rollback"
    assert request.oauth == "temporary passwords"
    assert request.incident.startswith("AM-")


def test_two_alerts_of_one_group_are_one_incident() -> None:
    one, two = asked(payload("alertmanager_firing")), asked(payload("alertmanager_group"))
    assert one.incident == two.incident
    assert two.triggers == [CHAT, "performance degradation"], "what is resolved already calls for nothing"
    assert two.degradation_percent == 80
    assert two.reason == "42 % of chat answers end with an error.; Answers take 1.8 times as long as before."
    assert two.identified_at == one.identified_at


def test_another_group_or_the_same_one_on_another_day_is_another_incident() -> None:
    first, other, later = (payload("alertmanager_firing") for _ in range(3))
    other["groupKey"] += "x"
    later["alerts"][0]["startsAt"] = "2026-11-29T02:40:12.345Z"
    assert len({asked(one).incident for one in (first, other, later)}) == 3


def test_an_incident_that_the_rule_names_is_taken_as_it_is() -> None:
    sent = payload("alertmanager_firing")
    sent["commonLabels"]["incident"] = "INC-2041"
    assert asked(sent).incident == "INC-2041"


def test_pagerduty() -> None:
    request = asked(payload("pagerduty_triggered"))
    assert request.incident == "PD-2041"
    assert request.triggers == [CHAT]
    assert request.requested_by == "Grace Hopper", "a person's own name, since who asks may not approve"
    assert request.identified_at == datetime(2026, 11, 22, 2, 41, 6, tzinfo=UTC)


def test_pagerduty_without_a_person_names_what_asked() -> None:
    sent = payload("pagerduty_triggered")
    sent["event"]["agent"] = None
    assert asked(sent).requested_by == "DigitalTwin backend"


def test_generic() -> None:
    request = asked(payload("generic"))
    assert (request.incident, request.previous_tag, request.triggers) == ("INC-2041", "v1.8.3", [CHAT])
    several = payload("generic") | {"triggers": ["auth", "data corruption", "chat"]}
    assert asked(several).triggers == ["critical functionality broken: auth", "data corruption", CHAT]


def test_what_is_told_goes_before_alert_and_mapping() -> None:
    request = asked(payload("generic"), oauth="keep", previous_tag="v1.8.2", incident="INC-7")
    assert (request.oauth, request.previous_tag, request.incident) == ("keep", "v1.8.2", "INC-7")


@pytest.mark.parametrize("name", ["alertmanager_resolved", "pagerduty_resolved"])
def test_what_is_resolved_proposes_nothing_and_says_so(name: str) -> None:
    with pytest.raises(NothingToPropose, match=r"is (incident.)?resolved, so nothing is proposed"):
        asked(payload(name))


def test_what_is_only_acknowledged_proposes_nothing() -> None:
    sent = payload("pagerduty_triggered")
    sent["event"]["event_type"] = "incident.acknowledged"
    with pytest.raises(NothingToPropose, match=r"PagerDuty proposes when it is incident\.triggered"):
        asked(sent)


def test_an_alert_whose_trigger_fits_none_names_what_it_said_and_what_is_known() -> None:
    sent = payload("generic") | {"trigger": "the office is on fire"}
    with pytest.raises(AlertInvalid, match="no trigger fits the office is on fire; known are auth, kb, chat"):
        asked(sent)


def test_everything_that_is_missing_is_named_at_once() -> None:
    sent = {"version": "4", "groupKey": "{}", "status": "firing", "alerts": [{"status": "firing", "labels": {}}]}
    with pytest.raises(AlertInvalid) as error:
        asked(sent)
    named = [line.strip("- ").partition(":")[0] for line in error.value.problem.splitlines()[1:]]
    assert named == ["incident", "reason", "triggers", "identified_at", "requested_by"]
    assert "commonAnnotations.summary" in error.value.problem and error.value.state == "Nothing was sent."


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(AlertInvalid) as error:
        asked(payload("generic") | {"incident": "a b", "identified_at": "yesterday", "previous_tag": "-x"})
    assert [name for name in ("incident", "identified_at", "previous_tag") if name in error.value.problem] == [
        "incident",
        "identified_at",
        "previous_tag",
    ]


@pytest.mark.parametrize("text", ["", "no json", "[1]", '"text"', "null", "{"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(AlertInvalid, match="it is not"):
        alerts.parse(text)


@pytest.mark.parametrize("strange", [None, 7, [], {}, "text", [None, 7, "x"], {"0": []}])
@pytest.mark.parametrize("field", ["alerts", "status", "groupKey", "commonLabels", "commonAnnotations", "receiver"])
def test_a_field_of_another_type_is_an_error_that_names_fields_and_not_a_crash(field: str, strange: object) -> None:
    sent = payload("alertmanager_firing") | {field: strange}
    try:
        alerts.request(sent, mapping.read("alertmanager"))
    except (AlertInvalid, NothingToPropose) as error:
        assert str(error)


MINE = """
title = "mine"
[known]
[proposes]
[fields.incident]
from = ["ticket"]
[fields.reason]
from = ["text"]
[fixed]
oauth = "keep"
triggers = ["data corruption"]
"""


def test_a_mapping_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    request = alerts.request({"ticket": "T-1", "text": "Rows are gone."}, mapping.read(str(file)))
    assert (request.incident, request.triggers) == ("T-1", ["data corruption"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[known]", "[knowm]"), "knowm"),
        (('oauth = "keep"', 'oath = "keep"'), "a request has no field oath"),
        (('oauth = "keep"', 'reason = "x"'), "both taken from the payload and fixed: reason"),
        (('["ticket"]', '["ticket..x"]'), "not a path"),
        (('["ticket"]', "[]"), "fields.incident.from"),
        (('["ticket"]', '["ticket"]\npattern = "x"'), "needs a group"),
        (('["ticket"]', '["ticket"]\npattern = "(("'), "cannot be used"),
        (('["ticket"]', '["ticket"]\nvalues = {x = "boredom"}'), "fields.incident.values.x"),
        (('title = "mine"', "title ="), "cannot be used"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_why(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE.replace(*change))
    with pytest.raises(MappingInvalid, match=words):
        mapping.read(str(file))


def test_a_mapping_that_is_not_there() -> None:
    with pytest.raises(MappingInvalid, match="Shipped are alertmanager, pagerduty, generic"):
        mapping.read("opsgenie")


def test_the_shipped_mappings_are_those_in_the_folder() -> None:
    assert {file.stem for file in mapping.FOLDER.glob("*")} == set(mapping.SHIPPED)
