#!/usr/bin/env python3
"""Plays a page's transcript again, and compares.

    run_transcript.py PAGE.md            runs every `$ command` of its ```console blocks, in order, in a
                                         temporary folder, with `reeve` from PATH; what it prints must be
                                         what the page shows, but for ids, times, numbers and blanks
    run_transcript.py --update PAGE.md   writes into the page what was printed now

A line `…` in the page stands for any lines. A command goes on in lines that begin with `> `. Commands run
in one shell, as a person types them; standard error is shown as a terminal shows it.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MARK = "--- transcript mark ---"
HOME = "/home/you"  # stands in the page for the temporary folder
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z?|\d\d:\d\d(:\d\d)?")
SHORT = re.compile(r"\b[0-9a-f]{4}\b|\b[0-9a-f]{7,8}\b")
NUMBER = re.compile(r"\d+(\.\d+)?")


class Shell:
    """A shell that tells when a command is over."""

    def __init__(self, folder):
        home = folder / "home"
        home.mkdir()
        env = {name: value for name, value in os.environ.items() if not name.startswith("REEVE_")}
        env.update(HOME=str(home), TERM="dumb", NO_COLOR="1", LC_ALL="C.UTF-8")
        self.process = subprocess.Popen(["bash", "--norc"], cwd=folder, env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        self.process.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '%s\\n' '{MARK}'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n").endswith(MARK):
                rest = line.rstrip("\n")[: -len(MARK)]
                return lines + ([rest] if rest else [])
            lines.append(line.rstrip())
        sys.exit(f"the shell ended in: {command}")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def read(page):
    """The page's lines, and (first, last, command) of each command with what it printed there."""
    lines = page.read_text().split("\n")
    steps, inside = [], False
    for at, line in enumerate(lines):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            steps.append([at, at + 1, line[2:]])
        elif inside and steps:
            if line.startswith("> ") and steps[-1][1] == at:
                steps[-1][2] += "\n" + line[2:]
            steps[-1][1] = at + 1
    return lines, steps


def shown(lines, step):
    first, last, command = step
    return lines[first + 1 + command.count("\n") : last]


def plain(line, folder):
    line = line.replace(str(folder), HOME)
    for pattern, word in ((UUID, "ID"), (TIME, "TIME"), (SHORT, "N"), (NUMBER, "N")):
        line = pattern.sub(word, line)
    return " ".join(line.split())


def fits(wanted, got):
    """Whether `got` is `wanted`, in which "…" stands for any lines."""
    if "…" not in wanted:
        return wanted == got
    at = wanted.index("…")
    head, tail = wanted[:at], wanted[at + 1 :]
    if got[:at] != head:
        return False
    return any(fits(tail, got[start:]) for start in range(at, len(got) + 1))


def main():
    update = "--update" in sys.argv[1:]
    page = pathlib.Path([word for word in sys.argv[1:] if word != "--update"][0])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="reeve_transcript_"))
    lines, steps = read(page)
    shell = Shell(folder)
    wrong = 0
    printed = []
    try:
        for step in steps:
            got = shell.run(step[2])
            while got and not got[-1]:
                got.pop()
            printed.append(got)
            wanted = shown(lines, step)
            while wanted and not wanted[-1]:
                wanted.pop()
            a, b = ([plain(line, folder) for line in text] for text in (wanted, got))
            if update or fits(a, b):
                continue
            wrong += 1
            print(f"{page.name}:{step[0] + 1}: $ {step[2]}")
            print("\n".join(difflib.unified_diff(a, b, "the page", "now", lineterm="", n=1)))
    finally:
        shell.run("cd /; for town in $(find %s -name .reeve -type d); do reeve --town ${town%%/.reeve} stop; done" % folder)
        shell.end()
        shutil.rmtree(folder, ignore_errors=True)
    if update:
        for step, got in reversed(list(zip(steps, printed))):
            first, last, command = step
            if "…" in shown(lines, step):
                continue  # what was cut by hand stays cut
            blank = [""] if last > first + 1 and not lines[last - 1] else []
            text = [line.replace(str(folder), HOME) for line in got]
            lines[first + 1 + command.count("\n") : last] = text + blank
        page.write_text("\n".join(lines))
    if wrong:
        sys.exit(f"{wrong} of {len(steps)} commands print something else")
    print(f"{len(steps)} commands")


main()
