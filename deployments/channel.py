"""The channel that hears of trouble with runs: a notification block of Prefect's, to which its automations send.

A chat's incoming web hook (Slack, Mattermost and others take ``{"text": …}``) is made a block from
ROLLBACK_ALERT_WEBHOOK. For mail, paging and everything else make a block of this name in the UI, of any type that
notifies.
"""

from typing import Any

from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.types import SecretDict

from runbook.errors import RollbackError
from runbook.settings import Settings

NAME = "rollback-alerts"
FORM = {"text": "{{subject}}\n{{body}}"}


class ChannelMissing(RollbackError):
    """The server has no notification block of the name that an automation gives."""


def keep(client: SyncPrefectClient, settings: Settings) -> tuple[bool, str]:
    """Make the block from the settings' web hook, where one is set: whether that changed it, and a line about it."""
    url = settings.alert_webhook.get_secret_value()
    there = find(client, NAME)
    if not url:
        return False, f"block {NAME}: {'there, left as it is' if there else 'not there: nobody hears of trouble'}"
    if there and _address(there) == url:
        return False, f"block {NAME}: already so, skipped"
    # It stands among the block's secrets: the server encrypts them and the UI masks them, but its API gives them to
    # whoever has its password. Prefect itself sends there, so it must know the address.
    block = CustomWebhookNotificationBlock(
        name=NAME, url="{{address}}", json_data=FORM, secrets=SecretDict({"address": url})
    )
    block.save(NAME, overwrite=True)
    return True, f"block {NAME}: {'changed' if there else 'made'}; whoever reaches Prefect's API can read its address"


def find(client: SyncPrefectClient, name: str) -> dict[str, Any] | None:
    """Return the block of a name, whatever its type; its secrets are in the clear."""
    wanted = {"block_documents": {"name": {"any_": [name]}}, "include_secrets": True}
    rows: list[dict[str, Any]] = client.request("POST", "/block_documents/filter", json=wanted).json()
    return rows[0] if rows else None


def id_of(client: SyncPrefectClient, name: str) -> str:
    """Return the id of a block. Raises ChannelMissing."""
    there = find(client, name)
    if there is None:
        raise ChannelMissing(
            f"The server has no notification block {name}.",
            "export ROLLBACK_ALERT_WEBHOOK=https://…, or make a block of this name in the UI; then make deploy.",
        )
    return str(there["id"])


def _address(block: dict[str, Any]) -> str | None:
    """Return where a block that was made here sends to; None for a block of another make."""
    data = block["data"]
    return data["secrets"].get("address") if data.get("url") == "{{address}}" else None
