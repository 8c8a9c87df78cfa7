"""The procedure by hand: its commands in its order, by somebody who types without a pause and makes no mistake."""

from pathlib import Path

from benchmarks.scene import Scene
from runbook import shell

SCRIPTS = Path(__file__).parent / "by_hand"
ORDER = ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")


def roll_back(scene: Scene) -> None:
    """Do steps 1 to 5, with option 1 for users without a password, until the services work again."""
    with scene.part("stop services"):
        scene.application.compose("stop", "backend", "frontend")
    with scene.part("back up"):
        shell.run(scene.server.program("pg_dump"), "-F", "c", "-f", scene.folder / "backup_before_rollback.dump")
    with scene.part("settle OAuth users"):
        scene.psql("-f", SCRIPTS / "oauth_users.sql")
    for script in ORDER:
        with scene.part(script[:3]):
            scene.psql("-f", SCRIPTS / f"{script}.sql")
    with scene.part("restore release"):
        scene.git("checkout", "--quiet", "v1")
        scene.application.compose("build")
    with scene.part("start services"):
        scene.application.compose("up", "-d")
        scene.application.wait()
    with scene.part("verify"):
        scene.psql("-f", SCRIPTS / "verify.sql")
