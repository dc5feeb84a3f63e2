#!/usr/bin/env python3
"""check_compose.py FILE: what the compose schema cannot say about docker-compose.yml.

Images are pinned; every container is confined; only the gateway is published, on loopback; a secret
is mounted in the container that reads it and in those that make it, read-only but for the maker.
"""

import sys

import yaml

MAKERS = {"setup", "database"}
READERS = {
    "authority": set(),
    "tls-operator": set(),
    "secrets-postgres": {"postgres"},
    **{f"tls-{name}": {name} for name in ("gateway", "auth", "song-store", "spotify-ingest",
                                          "lastfm-ingest")},
    **{f"secrets-{name}": {name} for name in ("auth", "song-store", "spotify-ingest",
                                              "lastfm-ingest")},
}


def check_service(name, service):
    """Yields what is wrong with one service."""
    image = service.get("image", "")
    if ":" not in image or image.endswith(":latest"):
        yield f"image '{image}' is not pinned"
    if service.get("read_only") is not True:
        yield "its root is writable"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    if str(service.get("user", "root")).split(":")[0] in ("root", "0", ""):
        yield "it runs as root"
    if not service.get("mem_limit") or not service.get("pids_limit"):
        yield "it has no limit on memory or processes"
    for port in service.get("ports", []):
        if name != "gateway" or not str(port).startswith("127.0.0.1:"):
            yield f"it publishes {port}"
    if name not in MAKERS and "healthcheck" not in service:
        yield "it has no health check"
    for key in service.get("environment", {}):
        # The set-up makes a file of it and ends; nothing that stays may have one.
        if name != "setup" and key.endswith(("_PASSWORD", "_SECRET", "_KEY", "_TOKEN")):
            yield f"it has the secret {key} in its environment"
    for volume in service.get("volumes", []):
        yield from check_volume(name, volume)


def check_volume(name, volume):
    source, _, rest = volume.partition(":")
    if source not in READERS:
        if source != "postgres-data":
            yield f"it mounts {source}"
        return
    if name not in READERS[source] | MAKERS:
        yield f"it can read {source}"
    if name != "setup" and not rest.endswith(":ro"):
        yield f"it can write {source}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = yaml.safe_load(file)
    wrong = [f"{name}: {text}" for name, service in document["services"].items()
             for text in check_service(name, service)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
