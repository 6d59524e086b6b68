"""Tasks and the backlog from a user's side.

    town_tasks_test.py PATH_TO_REEVE [TestName ...]
"""

import json

import support
from support import Town

# Does what the lines of its prompt say that begin with DO.
DOER = """#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *GATE*) echo begun; cat GATE_FILE > /dev/null; echo "through the gate" ;;
  *) printf '%s\\n' "$prompt" | sed -n 's/^DO //p' > "DIR/$REEVE_RUN.sh"; sh -e "DIR/$REEVE_RUN.sh" ;;
esac
"""


class TownTasks(Town):
    def setUp(self):
        super().setUp()
        self.agent.write_text(DOER.replace("GATE_FILE", str(self.gate)).replace("DIR", str(self.base)))

    def task(self, id_):
        return self.json("task", "show", id_)["task"]

    def state(self, id_):
        return self.task(id_)["state"]

    def done(self, id_):
        return self.json("wait", "--task", id_)

    def add(self, *words):
        return self.json("backlog", "add", *words)["id"]

    def in_backlog(self):
        return [view["task"]["text"] for view in self.json("backlog", "list")["tasks"]]

    def test_a_day_of_the_backlog(self):
        self.make_town()
        self.spawn("ada")
        first = self.add("--tag", "ui,door", "paint it")
        second = self.json("task", "create", "--priority", "high", "sweep")["id"]
        third = self.add("--after", first, "wash")
        self.assertEqual(self.in_backlog(), ["sweep", "paint it", "wash"])
        self.assertIn("waits for", self.reeve("backlog", "list"))
        self.assertIn("ada", self.reeve("backlog", "list"))
        self.assertIn("waits for", self.reeve("backlog", "claim", third, "ada", exit_code=4))
        self.reeve("backlog", "claim", second[:8], "ada")
        self.assertEqual(self.done(second)["state"], "completed")
        self.assertIn("is completed", self.reeve("backlog", "claim", second, "ada", exit_code=4))
        report = self.json("backlog", "assign-all", "ada")
        self.assertEqual((report["claimed"], len(report["tasks"])), (1, 2))
        self.assertEqual(self.done(first)["state"], "completed")
        self.reeve("backlog", "remove", third)
        self.assertEqual(self.state(third), "cancelled")
        self.assertEqual(self.in_backlog(), [])
        self.assertEqual(self.json("task", "list", "--tag", "UI")["tasks"][0]["task"]["id"], first)

    def test_a_task_comes_after_another_of_another_agent(self):
        self.make_town()
        task = self.at_the_gate("ada")
        self.spawn("bob")
        after = self.json("assign", "bob", "--after", task, "--notify", "DO echo tested")["id"]
        self.assertIn("waits for", self.reeve("task", "show", after))
        self.assertEqual(self.json("list")[1]["agent"]["rounds_completed"], 0)
        self.open_gate()
        self.assertEqual(self.done(after), {"state": "completed", "result": "tested\n"})
        self.assertEqual(self.reeve("task", "result", after), "tested\n\n")
        mail = self.json("inbox")["messages"]
        self.assertEqual([m["type"] for m in mail], ["task_done"])
        self.assertIn("tested", mail[0]["text"])

    def test_a_cancelled_task_ends_its_round(self):
        self.make_town()
        task = self.at_the_gate("ada")
        self.reeve("task", "cancel", task, "--reason", "enough")
        cancelled = self.until(self.follow(), "RunCancelled")
        self.assertEqual(cancelled["payload"]["task"], task)
        self.assertEqual((self.state(task), self.task(task)["result"]), ("cancelled", "enough"))
        self.assertIn("is cancelled", self.reeve("task", "cancel", task, exit_code=4))
        self.assertEqual(self.json("wait", "ada")["state"], "idle")

    def test_a_task_is_taken_back_and_given_to_another(self):
        self.make_town()
        task = self.at_the_gate("ada")
        self.spawn("bob")
        self.reeve("task", "requeue", task)
        self.assertEqual(self.in_backlog(), ["GATE"])
        self.until(self.follow(), "RunCancelled")
        self.opened.close()  # before there is another round, which would take this for its gate
        self.reeve("task", "cancel", task)
        self.assertEqual(self.json("task", "retry", task, "--to", "bob")["state"], "assigned")
        with open(self.gate, "w", encoding="utf-8"):  # bob is there
            pass
        self.assertEqual(self.done(task)["result"], "begun\nthrough the gate\n")

    def test_what_an_agent_may_do_with_tasks(self):
        self.make_town()
        self.spawn("ada")
        free = self.add("nobody's")
        other = self.add("somebody's")
        lead = self.assign("ada", f"DO reeve backlog claim {free} && reeve task start {free}; "
                                  f"reeve task progress {other} 'mine' || echo \"refused: $?\"")
        # What it took in hand last is done with the round, and what it had before comes back.
        self.assertEqual(self.done(free)["state"], "completed")
        self.assertIn("refused: 7", self.task(free)["result"])
        self.assertEqual(self.done(lead)["state"], "completed")
        self.reeve("task", "start", free, exit_code=7)  # only inside a round
        self.assertEqual(self.state(other), "pending")

    def test_a_task_that_made_progress_is_brought_again(self):
        self.make_town()
        self.agent.write_text("""#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *"You reported before: half of it"*) echo "all of it" ;;
  *) reeve task progress "$REEVE_TASK" "half of it" ;;
esac
""")
        self.spawn("ada")
        task = self.json("assign", "ada", "paint")["id"]
        self.until(self.follow(), "TaskLeftOpen")
        again = self.task(task)["again_at"]
        self.assertEqual(self.json("status", "ada")["again_at"], again)
        self.assertIn("goes on at " + again, self.reeve("status"))
        self.assertIn("again    " + again, self.reeve("task", "show", task))
        self.reeve("wait", "ada")  # also for what rests
        self.assertEqual((self.state(task), self.task(task)["result"]), ("completed", "all of it\n"))
        self.assertEqual(self.task(task)["attempts"], 2)

    def test_every_page_of_a_long_list(self):
        self.make_town()
        for number in range(7):
            self.add(f"task {number}")
        page = self.json("task", "list", "-n", "3")
        self.assertEqual([v["task"]["text"] for v in page["tasks"]], ["task 6", "task 5", "task 4"])
        self.assertIn("next", page)
        pages = [json.loads(line) for line in self.reeve("--json", "task", "list", "--all").splitlines()]
        self.assertEqual(sum(len(p["tasks"]) for p in pages), 7)
        self.assertEqual(len(self.reeve("task", "list", "--all").splitlines()), 7)

    def test_an_agent_that_claims_finds_its_work(self):
        self.make_town()
        status, agent = self.door_post("/v1/agents", {"name": "backend", "cli": str(self.agent), "claims": True})
        self.assertEqual((status, agent["claims"]), (201, True))
        ui = self.add("--tag", "ui", "mend the button")
        api = self.add("--tag", "api", "DO echo mended")
        self.assertEqual(self.done(api)["result"], "mended\n")
        self.assertEqual(self.state(ui), "pending")

    def door_post(self, target, body):
        door = self.door()
        self.reeve("status")  # there is a daemon
        return door.ask("POST", target, body)


if __name__ == "__main__":
    support.main()
