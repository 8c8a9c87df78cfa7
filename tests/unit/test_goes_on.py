"""A run that goes on after its commit does not go on without the release that comes back."""

from pathlib import Path

import pytest

from runbook.errors import ReleaseUnusable
from runbook.planning import plan
from runbook.settings import Settings
from tests import samples


def test_without_its_release_it_fails_and_can_be_taken_up_again(tmp_path: Path) -> None:
    drawn = samples.plan(release=None, blockers=("No previous release is named. Give previous_tag.",))
    with pytest.raises(ReleaseUnusable, match="No previous release is named"):
        plan.check_release(drawn, Settings(project_dir=tmp_path))
    plan.check_release(drawn, Settings(project_dir=None))
    plan.check_release(samples.plan(), Settings(project_dir=tmp_path))
