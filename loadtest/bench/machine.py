"""What the kernel says of processes and of this machine."""

import contextlib
import os
import platform
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from family(int(child))


def cpu_s(pid: int) -> float:
    """CPU seconds a process and all below it have used, to a hundredth."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def memory_mb(pid: int, without: str = "") -> dict[str, float]:
    """Private, proportional and resident memory of one process in MB (2**20), mappings of files
    whose name ends with `without` not counted."""
    kib = {"Private_Clean": 0, "Private_Dirty": 0, "Pss": 0, "Rss": 0}
    counted = True
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if _MAPPING.match(line):
            counted = not (without and line.endswith(without))
            continue
        name, _, value = line.partition(":")
        if counted and name in kib:
            kib[name] += int(value.split()[0])
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    found = {"private": private, "proportional": kib["Pss"], "resident": kib["Rss"]}
    return {name: round(value / 1024, 1) for name, value in found.items()}


def allow_open_files(count: int) -> int:
    """Let this process and its children hold so many files; how many it may hold then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, count)
    with contextlib.suppress(ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def network_counters() -> dict[str, int]:
    """The kernel's counts of what goes wrong when many connect at once."""
    lines = Path("/proc/net/netstat").read_text().splitlines()
    found: dict[str, int] = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        found |= dict(zip(names.split()[1:], map(int, values.split()[1:]), strict=True))
    return {name: found[name] for name in ("ListenOverflows", "TCPTimeouts")}


def machine() -> dict[str, Any]:
    """What a figure should be read beside."""
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cores": os.cpu_count(),
        "model": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": [round(each, 2) for each in os.getloadavg()],
    }
