"""Step: mask contacts. No address of a real person is left in the clone before it has staging's name."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from runbook.rehearsing import masking, resting
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.masking import Masked
from runbook.rehearsing.resting import Rested
from runbook.settings import Settings
from tasks import only_lost

HOURS_6 = 6 * 3600


@task(
    name="mask contacts",
    task_run_name="mask contacts",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=only_lost,
    timeout_seconds=HOURS_6,
)
def mask_contacts(settings: Settings, clone: Clone) -> tuple[Masked, Rested]:
    """Mask the clone, then give it staging's name. Raises CloneFailed, RehearsalRefused, DatabaseUnavailable."""
    return masking.mask(settings, clone), resting.take_name(settings, clone)
