#!/usr/bin/env python3
"""Checks that includes between the folders of src/ run downwards (src/FLOORS).

Also refuses `asio::detached` (nobody would own the work) and Beast outside net/ (it is heavy).
Prints one line per offence and exits 1 if there is any.
"""
import pathlib
import re
import sys

ASIO_FREE = {"base", "wire", "event", "model"}


def floors(path: pathlib.Path) -> dict[str, int]:
    lines = [l.split() for l in path.read_text().splitlines() if l and not l.startswith("#")]
    return {room: height for height, rooms in enumerate(reversed(lines), 1) for room in rooms}


def main(root: pathlib.Path) -> int:
    floor = floors(root / "src/FLOORS")
    offences = []
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        where = path.relative_to(root)
        room = path.relative_to(root / "src").parts[0]
        if room not in floor:
            offences.append(f"{where}: the folder {room}/ stands on no floor of src/FLOORS")
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if "asio::detached" in line and not line.lstrip().startswith("//"):
                offences.append(f"{where}:{number}: asio::detached: whoever starts a coroutine owns it (aio/task_group.h)")
            if "boost/beast" in line and room != "net":
                offences.append(f"{where}:{number}: Beast lives in net/ only")
            if "boost/asio" in line and room in ASIO_FREE:
                offences.append(f"{where}:{number}: {room}/ knows nothing of Asio")
            match = re.match(r'\s*#include "([a-z_]+)/', line)
            if not match or match[1] == room or match[1] not in floor:
                continue
            if floor[match[1]] >= floor[room]:
                offences.append(
                    f"{where}:{number}: {room}/ (floor {floor[room]}) includes {match[1]}/ (floor {floor[match[1]]}): "
                    "includes run downwards")
    print("\n".join(offences))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
