from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import runpage
from flows.rollback import rollback
from runbook.request import RollbackRequest
from runbook.telling import messages


def test_links_lead_to_the_ui_of_the_server_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLBACK_RUN_URL", raising=False)
    with temporary_settings({PREFECT_API_URL: "https://prefect.example/api"}):
        assert messages.link(runpage.load(), "4f2c") == "https://prefect.example/runs/flow-run/4f2c"
        one = uuid4()
        assert messages.artifact(runpage.load(), one) == f"https://prefect.example/artifacts/artifact/{one}"
        monkeypatch.setenv("ROLLBACK_RUN_URL", "https://outside.example/")
        assert messages.link(runpage.load(), "4f2c") == "https://outside.example/runs/flow-run/4f2c"


def test_the_form_has_one_field_for_each_value_and_a_default_for_no_time() -> None:
    fields = rollback.parameters.model_dump()["definitions"]["RollbackRequest"]
    assert list(fields["properties"]) == list(RollbackRequest.model_fields)
    assert fields["required"] == ["incident", "reason", "oauth"]
    assert not [name for name, field in fields["properties"].items() if "anyOf" in field]
    assert "default" not in fields["properties"]["identified_at"]
    assert all(field.get("title") and field.get("description") for field in fields["properties"].values())
