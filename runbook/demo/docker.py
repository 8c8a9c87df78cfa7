"""Stand-in for docker, beside the one for docker compose: it knows the commands that the runbook uses."""

import json
import sys
from typing import Any

from runbook.demo import engine


def main(words: list[str]) -> int:
    """Run one command and return its exit status."""
    match words:
        case ["version"]:
            print("demo-docker 1.0")  # noqa: T201 - this program speaks to its caller
        case ["tag", image, name]:
            engine.build(name, engine.release_of(image))
        case ["image", "inspect", *images]:
            _say([_image(engine.release_of(image)) for image in images])
        case ["container", "inspect", *pids]:
            _say([_container(one) for one in engine.containers() if str(one["pid"]) in pids])
        case ["ps", "--all", *asked]:
            runs = "status=running" in asked  # else: which were killed
            print("\n".join(engine.services(running=runs)))  # noqa: T201
        case ["rm", *_]:
            pass  # a command that was run once leaves nothing behind
        case _:
            sys.exit(f"demo-docker does not know: {' '.join(words)}")
    return 0


def _image(release: str) -> dict[str, Any]:
    return {"Id": f"release:{release}", "RepoTags": engine.names(release)}


def _container(one: dict[str, Any]) -> dict[str, Any]:
    labels = {"com.docker.compose.project": one["project"], "com.docker.compose.service": one["service"]}
    return {"Image": f"release:{one['release']}", "Config": {"Labels": labels}}


def _say(found: list[dict[str, Any]]) -> None:
    print(json.dumps(found))  # noqa: T201 - this program speaks to its caller


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
