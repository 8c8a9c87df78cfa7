"""Settings of the runbook: environment variables ``ROLLBACK_…`` or a ``.env`` file, read once.

The target database is not among them: it comes from libpq's own environment (PGSERVICE, PGHOST, PGDATABASE, …).
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, AwareDatetime, Field, SecretStr, ValidationError
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from runbook import env_file, printable
from runbook.errors import SettingsInvalid


def _words(value: object) -> object:
    """Split a text at white space and commas, as a list is written in one environment variable."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _command(value: object) -> object:
    """Split a text as a shell splits a command line; nothing in it is expanded."""
    return shlex.split(value) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_command)]


class _PrivateFile(EnvSettingsSource):
    """The ``.env`` of the working directory, which counts only where it is this user's alone."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in env_file.settings().items()}


class Settings(BaseSettings):
    """What one installation of the runbook needs to know, besides the database."""

    model_config = SettingsConfigDict(env_prefix="ROLLBACK_", frozen=True, extra="ignore")

    target: str = Field("production", description="What messages and reports call this target.")
    bot_label: Literal["assistant", "twin"] = Field(
        "assistant", description="The bot's label in message_sender after the rollback; the procedure says assistant."
    )

    transformed_at: AwareDatetime | None = Field(
        None, description="When the transformation was deployed, such as 2026-11-20T09:00Z: what is lost since then."
    )
    plan_tolerance_percent: float = Field(
        10, ge=0, description="By how many percent a count of the approved plan may move before the services stop."
    )
    plan_tolerance_rows: int = Field(100, ge=0, description="By how many rows it may always move.")

    trial_seconds: float = Field(
        60,
        ge=0,
        description="How long trying the transaction on a copy of the schema may take, in s. 0: it is not tried.",
    )
    trial_rows: bool = Field(
        True,
        description="Whether it is also tried with a few of the database's rows: what triggers do shows only then.",
    )
    trial_template: str = Field(
        "template0",
        description="The template database that the copy is made from: one with the extensions that the runbook's role "
        "may not create, and nothing else.",
    )
    look_seconds: float = Field(
        10,
        gt=0,
        description="How long one look of the plan at the data may take, in s, and all of them six times that; what "
        "was not looked at is named.",
    )

    project_dir: Path | None = Field(
        None, description="The application's git tree with its compose file. Not set: no services and no release here."
    )
    compose: Words = Field((), description="The compose program; found when not set: docker compose, docker-compose.")
    docker: Words = Field(
        ("docker",), description="The engine's program: it tells which containers run, and gives images their names."
    )
    compose_file: str = Field("docker-compose.yml", description="The compose file's path inside the tree.")
    services: Words = Field(("backend", "frontend"), description="The services that are stopped and started.")
    health_urls: dict[str, AnyHttpUrl] = Field(
        default_factory=dict,
        description='A URL per service that answers 2xx when it works, as JSON: {"backend": "…"}. Without one its '
        "healthcheck in the compose file counts; without that, that its container has run for 3 s. A user and a "
        "password in it are sent, and never shown.",
    )
    service_seconds: int = Field(
        90, gt=0, description="How long a service may take to stop or to become healthy, in s."
    )

    prepare_seconds: int = Field(
        1800, gt=0, description="How long building or pulling an image of the previous release may take, in s."
    )

    release_queries: str | None = Field(
        None, description="An SQL file in the previous release's tag: what that release must be able to ask."
    )
    release_check: Command = Field(
        (), description="A service and a command: run once in a container of the previous release before it is started."
    )

    pg_bin: Path | None = Field(
        None, description="Folder of pg_dump and pg_restore that fit the server. Not set: found."
    )
    backup_dir: Path = Field(Path("backups"), description="Folder for backups; made with mode 0700.")
    dump_jobs: int | None = Field(
        None, gt=0, le=64, description="How many sessions dump and restore at a time. Not set: one a core, at most 4."
    )
    snapshot_clone: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="Whether the server's disk copies on write (XFS with reflink, Btrfs). auto: looked up where it is "
        "this machine's.",
    )
    snapshot_room_gb: float | None = Field(
        None, ge=0, description="Room on the server's disk for a copy, in GB, where the runbook cannot see it."
    )
    snapshot_hours: float = Field(
        72, ge=0, description="How long a snapshot stays at least, in hours, once its portable dump is proved."
    )
    report_dir: Path = Field(Path("reports"), description="Folder for reports; made with mode 0700.")
    maintenance_database: str = Field("postgres", description="Database from which a closed fence is opened.")
    fence_grace_seconds: float = Field(
        3, ge=0, description="How long who is in the middle of a transaction may take to finish it at the fence, in s."
    )
    fence_orphan_seconds: float = Field(
        60,
        ge=1,
        description="How long the fence may stay closed without a living runner; then the server opens it, in s.",
    )

    rehearsal_source: str | None = Field(
        None,
        description="Production, for the rehearsal on staging: a libpq connection string without a password, such as "
        "service=digitaltwin-production. It is only read.",
    )
    rehearsal_way: Literal["auto", "file", "stream", "template", "dump"] = Field(
        "auto",
        description="How production is cloned. auto: from rehearsal_dump, else through a file, else as a stream.",
    )
    rehearsal_dump: Path | None = Field(
        None, description="A dump of production (custom, directory or tar) that is cloned in its place."
    )

    rehearsal_test: Command = Field(
        (), description="A command that tests the application after a rehearsal's rollback; it ends with 0 if it works."
    )
    rehearsal_history: str | None = Field(
        None,
        description="Where the rehearsals' history is kept: a libpq connection string without a password. Not set: the "
        "database rollback_rehearsals on staging's server; production must be told.",
    )
    rehearsal_slower: float = Field(
        2, gt=1, description="By which factor above its median a step of a rehearsal is slower than usual."
    )
    rehearsal_slower_seconds: float = Field(
        5, ge=0, description="By how much it must be slower at least to be told, in s."
    )
    rehearsal_days: float = Field(
        30,
        ge=0,
        description="Within how many days production wants these very scripts rehearsed. 0: it does not ask for that.",
    )

    lock_timeout_ms: int = Field(500, gt=0, description="How long a statement may wait for a lock, in ms.")
    decision_minutes: int = Field(30, gt=0, description="Minutes from identifying the incident to the decision.")
    identified_skew_seconds: int = Field(60, ge=0, description="How far in the future identified_at may lie, in s.")

    late_minutes: int = Field(
        10, gt=0, description="Minutes to decide when a run was started after its window; late_reason says why."
    )
    approvers_file: Path = Field(
        Path("~/.config/rollback/approvers.toml"), description="Who may authorise: a file of this user's, mode 0600."
    )
    state_dir: Path | None = Field(
        None,
        description="Folder of the worker's store: used codes, wrong answers, proposals. Not set: that of the "
        "approvers' file.",
    )
    targets_dir: Path | None = Field(
        None,
        description="Folder of the worker's targets, a file NAME.env of mode 0600 each. Not set: targets, beside the "
        "approvers' file.",
    )
    approvers: SecretStr = Field(
        SecretStr(""), description="The same text as in that file (a secret); takes its place where it is set."
    )
    form_answers: bool = Field(
        True,
        description="Whether answers at Prefect's form, or over its API, count. false: only those given in a terminal "
        "of the worker's host, which never pass through Prefect.",
    )
    approvals_needed: int = Field(1, ge=1, le=2, description="How many different persons must approve: 1 or 2.")
    unnamed_request: Literal["two approvals", "refuse"] = Field(
        "two approvals",
        description="What becomes of a request for production that names nobody in requested_by: two persons must "
        "approve it, or it is refused.",
    )
    requester_may_approve: bool = Field(
        False, description="Whether who asked for the rollback (requested_by) may also answer it."
    )
    lead_silence_minutes: int = Field(
        10, ge=0, description="How long the Team Lead must be silent before the On-call Engineer's answer counts."
    )

    team_urls: SecretStr = Field(
        SecretStr(""), description="Where the team is told: apprise URLs, separated by white space (a secret)."
    )
    alert_webhook: SecretStr = Field(
        SecretStr(""),
        description="A chat's incoming web hook, which make deploy gives to Prefect: it hears of failed, silent and "
        "late runs (a secret).",
    )
    smtp_host: str | None = Field(None, description="Mail server for messages to users. Not set: users are not mailed.")
    smtp_port: int = Field(25, gt=0, le=65535, description="The mail server's port.")
    smtp_tls: Literal["none", "starttls", "tls"] = Field("none", description="How the connection is encrypted.")
    smtp_user: str | None = Field(None, description="User name at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server (a secret).")
    mail_from: str = Field("noreply@localhost", description="Sender of the messages to users.")
    mail_seconds: float = Field(
        120,
        gt=0,
        description="How long a mail server that takes nobody's mail is tried again, in s; then who waits is mailed by "
        "the next run for the incident.",
    )
    template_dir: Path | None = Field(None, description="Folder with message templates that replace the built-in ones.")
    run_url: str | None = Field(
        None,
        description="Address of the Prefect UI, for links in messages. Not set: PREFECT_UI_URL or PREFECT_API_URL.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature; it asks nobody's owner
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what is given win over the environment, and the environment over the file."""
        return init_settings, env_settings, _PrivateFile(settings_cls)

    def health_url(self, service: str) -> str:
        """Return a service's health URL as it may be shown: without its password or token."""
        return printable.masked(str(self.health_urls[service]))

    def tolerated(self, announced: int) -> float:
        """Return how many rows there may be where the approved plan announced so many."""
        return announced + max(self.plan_tolerance_rows, announced * self.plan_tolerance_percent / 100)

    @property
    def production(self) -> bool:
        """Whether the target is production."""
        return self.target.strip().lower() == "production"


def load() -> Settings:
    """Read the settings. Raises SettingsInvalid with every bad one named."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"ROLLBACK_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsInvalid(
            f"Settings cannot be used: {wrong}.", "Correct them in the environment or .env."
        ) from None
    except SettingsError as error:  # a value that is no JSON where some is wanted; the message names the field
        field = re.search(r'field "(\w+)"', str(error))
        name = f"ROLLBACK_{field[1].upper()}" if field else "a ROLLBACK_… setting"
        raise SettingsInvalid(
            f"Settings cannot be used: {name} is not JSON.",
            f"Correct it in the environment or .env, or leave {name} out.",
        ) from None
