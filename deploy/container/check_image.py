#!/usr/bin/env python3
"""check_image.py CHECKOUT: runs every step of deploy/Dockerfile without a container engine.

Each stage becomes a folder: a `FROM debian:bookworm…` stage begins with what debootstrap makes, a
`FROM scratch` stage empty. RUN runs under chroot, COPY copies, and then the finished images are
tried: the programs start as user 65532 in a root without a shell, and the set-up makes its files.
Needs root and debootstrap. The bare Debian is kept in build/image/ for the next run.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys

PROGRAMS = ("gateway", "auth", "song-store", "spotify-ingest", "lastfm-ingest")
USER = "65532:65532"


def run(command, **options):
    """Runs a command and ends this program if it fails."""
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True, **options)


def remove(root):
    """Removes a stage's folder, but nothing through a mount that an interrupted run left in it."""
    with open("/proc/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1] for line in file]
    for mount in mounts:
        if mount.startswith(f"{root}/"):
            run(["umount", "-l", mount])
    shutil.rmtree(root, ignore_errors=True)


def instructions(path):
    """Yields (INSTRUCTION, arguments) with continued lines joined and comments left out."""
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.strip().partition(" ")
        yield word, rest.strip()


def ignored_patterns(context):
    with open(os.path.join(context, ".dockerignore"), encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def is_ignored(path, patterns):
    """path is relative to the context; `**/` at a pattern's beginning means at any depth."""
    for pattern in patterns:
        if pattern.startswith("**/"):
            if fnmatch.fnmatch(os.path.basename(path), pattern[3:]):
                return True
        elif path == pattern:
            return True
    return False


def copy(source, target, base, patterns):
    """Copies like COPY: what is in a folder, or one file under the name that is given."""
    if not os.path.isdir(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target)
        return

    def skip(folder, names):
        return [name for name in names
                if is_ignored(os.path.relpath(os.path.join(folder, name), base), patterns)]

    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=skip)


def bare_debian(work, target):
    """Unpacks a bare Debian 12 with this machine's way to the network."""
    archive = os.path.join(work, "bare.tar.gz")
    if not os.path.exists(archive):
        base = os.path.join(work, "bare")
        run(["debootstrap", "--variant=minbase", f"--make-tarball={archive}.part", "bookworm", base],
            stdout=subprocess.DEVNULL)
        os.rename(f"{archive}.part", archive)
        shutil.rmtree(base, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", f"--unpack-tarball={archive}", "bookworm", target],
        stdout=subprocess.DEVNULL)
    shutil.copy2("/etc/resolv.conf", os.path.join(target, "etc/resolv.conf"))
    for folder in ("etc/apt/apt.conf.d", "etc/apt/sources.list.d",
                   "usr/local/share/ca-certificates"):
        if os.path.isdir(f"/{folder}"):
            copy(f"/{folder}", os.path.join(target, folder), "/", [])
    if os.path.exists("/etc/apt/sources.list.d/debian.sources"):
        open(os.path.join(target, "etc/apt/sources.list"), "w", encoding="utf-8").close()


class Stage:
    """A stage of the Dockerfile: a root folder, its environment and its settings."""

    def __init__(self, root):
        self.root = root
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.folder = "/"
        self.user = "0:0"
        self.entry = []

    def path(self, inside):
        return os.path.join(self.root, os.path.join(self.folder, inside).lstrip("/"))

    def execute(self, command, extra=None, **options):
        """Runs a command in this root as its user, with /proc and /dev while it lasts."""
        mounts = [f"{self.root}/{name}" for name in ("proc", "dev")]
        for mount in mounts:
            # A container engine makes them where an image has none.
            os.makedirs(mount, exist_ok=True)
            run(["mount", "--bind", f"/{os.path.basename(mount)}", mount])
        try:
            environment = {**self.environment, **(extra or {})}
            return subprocess.run(["chroot", f"--userspec={self.user}", self.root, *command],
                                  env=environment, check=False, **options)
        finally:
            for mount in mounts:
                run(["umount", "-l", mount])


class Builder:
    """Follows the Dockerfile instruction by instruction."""

    def __init__(self, context, work):
        self.context, self.work = context, work
        self.patterns = ignored_patterns(context)
        self.arguments, self.stages, self.stage = {}, {}, None

    def step(self, word, rest):
        print(f"\n{word} {rest[:100]}", flush=True)
        handler = getattr(self, f"on_{word.lower()}", None)
        if handler is None:
            raise SystemExit(f"the instruction {word} is not known here")
        handler(rest)

    def on_arg(self, rest):
        name, _, value = rest.partition("=")
        self.arguments[name] = value

    def on_from(self, rest):
        image, _, name = re.sub(r"\$\{(\w+)\}", lambda m: self.arguments[m[1]], rest).partition(" AS ")
        root = os.path.join(self.work, f"stage-{name}")
        remove(root)
        os.makedirs(root)
        if image.startswith("debian:bookworm-"):
            bare_debian(self.work, root)
        elif image != "scratch":
            raise SystemExit(f"no clean root can be made for the image {image}")
        self.stage = self.stages[name] = Stage(root)

    def on_env(self, rest):
        name, _, value = rest.partition("=")
        self.stage.environment[name] = value

    def on_workdir(self, rest):
        self.stage.folder = rest
        os.makedirs(self.stage.path(rest), exist_ok=True)

    def on_user(self, rest):
        self.stage.user = rest

    def on_entrypoint(self, rest):
        self.stage.entry = json.loads(rest)

    def on_copy(self, rest):
        words = rest.split()
        if words[0].startswith("--from="):
            base = self.stages[words.pop(0)[len("--from="):]].root
            patterns = []
        else:
            base, patterns = self.context, self.patterns
        source, target = words
        copy(os.path.normpath(f"{base}/{source}"), self.stage.path(target), base, patterns)

    def on_run(self, rest):
        command = ["/bin/sh", "-c", f"cd {self.stage.folder} && {rest}"]
        code = self.stage.execute(command, stdin=subprocess.DEVNULL).returncode
        if code != 0:
            raise SystemExit(f"RUN ended with code {code}")


def check_programs(stage):
    """Each program loads, and refuses to start without a configuration, in one line."""
    for shell in ("bin/sh", "bin/bash"):
        if os.path.exists(os.path.join(stage.root, shell)):
            raise SystemExit(f"the image has a shell: {shell}")
    for name in PROGRAMS:
        result = stage.execute([f"/bin/playlog-{name}"], stdin=subprocess.DEVNULL, timeout=20,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = result.stderr.strip().splitlines()
        print(f"playlog-{name}: code {result.returncode}: {lines[-1:]}")
        if result.returncode != 78:
            raise SystemExit(f"playlog-{name} without a configuration ended with "
                             f"{result.returncode}, not 78: {result.stderr}")


def check_setup(stage):
    """The set-up makes each secret with mode 0400, and changes none when it runs again."""
    before = None
    for _ in range(2):
        code = stage.execute([*stage.entry, "keys"], stdin=subprocess.DEVNULL).returncode
        if code != 0:
            raise SystemExit(f"setup.sh keys ended with code {code}")
        now = {}
        for folder, _, names in os.walk(os.path.join(stage.root, "setup")):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                now[path] = (status.st_mtime_ns, oct(status.st_mode & 0o777), status.st_uid)
        if before not in (None, now):
            raise SystemExit("setup.sh keys changed something that was fine")
        before = now
    keys = [path for path in before if "/secrets/" in path or path.endswith((".key", "key.pem"))]
    for path in keys:
        allowed = "0o440" if path.endswith("postgres/password") else "0o400"
        if before[path][1:] != (allowed, 65532):
            raise SystemExit(f"{path} has mode {before[path][1]} and owner {before[path][2]}")
    print(f"setup made {len(before)} files, {len(keys)} of them secret")


def main():
    context = os.path.abspath(sys.argv[1])
    work = os.path.join(context, "build/image")
    os.makedirs(work, exist_ok=True)
    builder = Builder(context, work)
    for word, rest in instructions(os.path.join(context, "deploy/Dockerfile")):
        builder.step(word, rest)
    check_setup(builder.stages["setup"])
    check_programs(builder.stages["playlog"])
    size = sum(os.lstat(os.path.join(folder, name)).st_size
               for folder, _, names in os.walk(builder.stages["playlog"].root) for name in names)
    print(f"every step works; the image holds {size / 1e6:.0f} MB")
    for stage in builder.stages.values():
        remove(stage.root)


if __name__ == "__main__":
    main()
