"""Stand-in for docker, beside the one for docker compose: it knows the commands that the runbook uses."""

import json
import sys
from typing import Any

from runbook.demo import engine

PROJECT = "label=com.docker.compose.project="


def main(words: list[str]) -> int:
    """Run one command and return its exit status."""
    match words:
        case ["version"]:
            print("demo-docker 1.0")  # noqa: T201 - this program speaks to its caller
        case ["tag", image, name]:
            engine.build(name, engine.release_of(image))
        case ["image", "inspect", *images]:
            _say([_image(engine.release_of(image)) for image in images])
        case ["container", "inspect", *ids]:
            _say([_container(one) for one in engine.containers() if one["id"] in ids])
        case ["ps", "--all", "--no-trunc", *asked]:
            label = next((word for word in asked if word.startswith(PROJECT)), PROJECT)
            wanted = label.removeprefix(PROJECT)
            for one in engine.containers():
                if wanted in ("", one["project"]):
                    print(f"{one['id']} {engine.status(one)}")  # noqa: T201
        case ["rm", *_]:
            pass  # a command that was run once leaves nothing behind
        case ["rmi", name]:
            engine.forget(name)
        case _:
            sys.exit(f"demo-docker does not know: {' '.join(words)}")
    return 0


def _image(release: str) -> dict[str, Any]:
    return {"Id": f"release:{release}", "RepoTags": engine.names(release)}


def _container(one: dict[str, Any]) -> dict[str, Any]:
    runs = engine.alive(one["project"], one["service"]) is not None
    state = {"Status": "running" if runs else "exited", "ExitCode": 137 if one["killed"] and not runs else 0}
    labels = {
        "com.docker.compose.project": one["project"],
        "com.docker.compose.service": one["service"],
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.project.working_dir": one["folder"],
        "com.docker.compose.project.config_files": ",".join(one["files"]),
    }
    return {
        "Id": one["id"],
        "Name": f"/{one['project']}-{one['service']}-1",
        "Image": f"release:{one['release']}",
        "State": state | {"StartedAt": one["started"]},
        "Config": {"Labels": labels},
    }


def _say(found: list[dict[str, Any]]) -> None:
    print(json.dumps(found))  # noqa: T201 - this program speaks to its caller


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
