"""Agents from a user's side: paused, gone on with, closed, restarted, pruned, stopped.

    town_agents_test.py PATH_TO_REEVE [TestName ...]
"""

import os
import pathlib

import support
from support import Town


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = pathlib.Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


class TownAgentsEndToEnd(Town):
    def setUp(self):
        super().setUp()
        self.pid_file = self.base / "pid"
        self.deaf = self.base / "deaf.sh"
        # It hears no gentle word, says its number, and works until it is killed.
        self.deaf.write_text(f"#!/bin/sh\ntrap '' INT TERM\ncat > {self.base}/prompt\n"
                             f"echo $$ > {self.base}/pid.new\nmv {self.base}/pid.new {self.pid_file}\n"
                             "while :; do sleep 0.05; done\n")
        self.deaf.chmod(0o755)

    def state(self, agent):
        return self.json("status", agent)["agent"]["state"]

    def test_an_interrupt_in_the_middle_of_a_round(self):
        self.make_town()
        task = self.at_the_gate()
        self.assertEqual(self.json("interrupt", "ada", "--reason", "wrong door"), {"agent": "ada", "state": "paused"})
        # The command returned when the round was over.
        self.assertIn("RunCancelled", self.kinds())
        status = self.json("status", "ada")
        self.assertEqual((status["agent"]["state"], status["inbox"]), ("paused", 1))
        self.assertNotIn("current_run", status["agent"])
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "assigned")
        self.assertEqual(self.json("wait", "ada", "--state", "paused")["state"], "paused")
        self.open_gate()  # of the first round, which is not there any more
        self.assertEqual(self.json("resume", "ada")["state"], "idle")
        with open(self.gate, "w", encoding="utf-8"):
            pass
        self.assertEqual(self.json("wait", "--task", task)["result"], "begun\nthrough the gate\n")
        started = [e for e in self.events() if e["kind"] == "RunStarted"]
        self.assertEqual(len(started), 2)
        self.assertEqual(started[0]["payload"]["run"]["thread"], started[1]["payload"]["run"]["thread"])

    def test_the_child_of_an_interrupted_round_is_gone(self):
        self.make_town()
        self.json("spawn", "ada", "--cli", str(self.deaf))
        self.assign("ada", "work")
        self.eventually(self.pid_file.exists)
        pid = int(self.pid_file.read_text())
        self.assertTrue(alive(pid))
        self.reeve("interrupt", "ada")
        self.assertFalse(alive(pid))

    def test_a_closed_agent_finishes_and_a_restarted_one_goes_on(self):
        self.make_town()
        task = self.at_the_gate()
        later = self.assign("ada", "afterwards")
        self.assertEqual(self.json("close", "ada")["state"], "draining")
        self.assertIn("draining", self.reeve("assign", "ada", "more", exit_code=4))
        self.open_gate()
        self.assertEqual(self.json("wait", "ada", "--state", "stopped")["state"], "stopped")
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "completed")
        self.assertEqual(self.json("result", "ada")["task"]["id"], task)
        self.assertEqual(self.json("task", "show", later)["task"]["state"], "assigned")
        self.assertEqual(self.json("restart", "ada", "--rounds", "3")["state"], "idle")
        self.assertEqual(self.json("wait", "--task", later)["state"], "completed")
        self.assertEqual(self.json("status", "ada")["agent"]["limits"]["rounds"], 3)

    def test_pruned_agents_leave_their_names_and_their_history(self):
        self.make_town()
        ada = self.spawn("ada", "--nickname", "countess")
        self.reeve("wait", "--task", self.assign("countess", "paint"))
        self.assertIn("reeve kill ada", self.reeve("prune", "ada", exit_code=4))
        self.reeve("interrupt", "ada")
        task = self.assign("ada", "dry")
        self.reeve("kill", "ada")
        self.assertIn("--requeue", self.reeve("prune", "ada", exit_code=4))
        self.assertIn("ada is out of the town", self.reeve("prune", "ada", "--requeue"))
        shown = self.json("task", "show", task)["task"]
        self.assertEqual((shown["state"], shown.get("agent")), ("pending", None))
        self.assertEqual(self.json("list"), [])
        self.reeve("status", "ada", exit_code=3)
        self.assertIn(" ada ", self.reeve("events", "--kind", "RunCompleted"))
        self.assertNotEqual(self.spawn("countess")["id"], ada["id"])
        self.reeve("kill", "--all")
        self.spawn("bob")
        pruned = self.json("prune", "--all")["agents"]
        self.assertEqual([(each["name"], each["pruned"]) for each in pruned], [("countess", True)])
        self.assertEqual([view["agent"]["name"] for view in self.json("list", "--open")], ["bob"])

    def test_kill_all_ends_every_process(self):
        self.make_town()
        self.at_the_gate()
        self.spawn("bob")
        killed = self.json("kill", "--all")["agents"]
        self.assertEqual([(each["name"], each["state"]) for each in killed], [("ada", "stopped"), ("bob", "stopped")])
        self.assertIn("RunCancelled", self.kinds())
        self.assertEqual(self.json("kill", "--all")["agents"], [])

    def test_exit_codes(self):
        self.make_town()
        self.spawn("ada")
        for verb in ("kill", "interrupt", "resume", "close", "restart", "prune", "result", "status", "wait"):
            self.assertIn("nobody", self.reeve(verb, "nobody", exit_code=3))
        self.reeve("resume", "ada", exit_code=4)
        self.reeve("restart", "ada", exit_code=4)
        self.reeve("result", "ada", exit_code=3)
        self.reeve("kill", exit_code=2)
        self.reeve("prune", exit_code=2)
        self.reeve("prune", "ada", "--requeue", "--drop", exit_code=2)
        self.reeve("spawn", "eve", "--mode", "forked_context", "--session", "ada", exit_code=1)
        self.reeve("spawn", "a*b", exit_code=2)
        self.reeve("spawn", "Conductor", exit_code=2)

    def test_w14_a_timeout_is_no_success(self):
        self.make_town()
        self.spawn("ada")
        said = self.reeve("wait", "ada", "--state", "paused", "--timeout", "0.1", exit_code=5)
        self.assertIn("ada", said)
        self.at_the_gate("bob")
        self.reeve("wait", "bob", "--timeout", "0.1", exit_code=5)

    def test_a_wait_of_no_time_looks_and_says_what_it_would_wait_for(self):
        self.make_town()
        self.spawn("ada")
        self.assertEqual(self.reeve("wait", "ada", "--timeout", "0"), "ada is idle\n")
        self.reeve("interrupt", "ada")
        task = self.assign("ada", "paint")
        said = self.reeve("wait", "ada", "--timeout", "0", exit_code=5)
        self.assertIn("ada is paused: reeve resume ada", said)
        self.reeve("resume", "ada")
        self.reeve("wait", "--task", task)
        self.assertEqual(self.reeve("wait", "--task", task, "--timeout", "0").splitlines()[0], task + " is completed")

    def test_one_agent_in_full(self):
        self.make_town()
        self.spawn("ada", "--role", "painter", "--rounds", "10", "--max-cost", "2.5")
        self.reeve("wait", "--task", self.assign("ada", "paint the door"))
        status = self.json("status", "ada")
        self.assertEqual(status["last"]["task"]["text"], "paint the door")
        self.assertIn("RunCompleted", [event["kind"] for event in status["activity"]])
        shown = self.reeve("status", "ada")
        for text in ("painter", "1 of 10 rounds", "of 2.50 USD", "paint the door", "done: ada", "RunCompleted"):
            self.assertIn(text, shown)
        town = self.json("status")
        self.assertEqual((town["agent_counts"]["idle"], town["more_agents"]), (1, 0))
        self.assertIn("agents: 1 idle", self.reeve("status"))

    def test_a_list_is_shown_by_pages(self):
        self.make_town()
        self.reeve("status")  # there is a daemon from here on
        door = self.door()
        for number in range(105):
            self.assertEqual(door.ask("POST", "/v1/agents", {"name": f"agent{number}", "cli": "true"})[0], 201)
        first = self.run_reeve("list")
        self.assertEqual((len(first.stdout.splitlines()), first.stderr), (101, "5 more: reeve list --all\n"))
        self.assertEqual(len(self.reeve("list", "--all").splitlines()), 106)
        self.assertEqual(len(self.json("list")), 100)
        self.assertEqual(len(self.json("list", "--all")), 105)
        self.assertEqual(self.json("list", "--state", "error"), [])


if __name__ == "__main__":
    support.main()
