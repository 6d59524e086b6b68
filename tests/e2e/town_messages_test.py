"""Messages from a user's side: questions and answers, broadcasts, interruptions, the mailbox.

    town_messages_test.py PATH_TO_REEVE [TestName ...]
"""

import json

import support
from support import Town

AGENT = """#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *"answers what you wrote"*) echo "noted" ;;
  *STOP*) echo "stopped in time" ;;
  *GATE*) echo begun; cat GATE_FILE > /dev/null; echo "through the gate" ;;
  *ANSWER*) reeve reply "$(printf '%s' "$prompt" | sed -n 's/.*reeve reply \\([0-9a-f-]*\\) .*/\\1/p')" "on main" ;;
  *COLOUR*) echo "painted $(reeve ask supervisor 'which colour?')" ;;
  *FRIEND*) echo "bob says: $(reeve ask bob 'ANSWER me')" ;;
  *FAIL*) exit 3 ;;
  *) echo "done: $REEVE_AGENT" ;;
esac
"""


class TownMessages(Town):
    def setUp(self):
        super().setUp()
        self.agent.write_text(AGENT.replace("GATE_FILE", str(self.gate)))
        self.make_town()

    def mail(self, of="supervisor"):
        return self.json("inbox", of)["messages"]

    def test_an_agent_answers_a_person(self):
        self.spawn("ada")
        self.assertEqual(self.reeve("ask", "ada", "ANSWER: which branch?"), "on main\n")
        self.assertEqual(self.mail(), [], "who has read the answer is done with it")
        told = self.json("ask", "ada", "how are you?")
        self.assertEqual((told["by"], told["from"], told["text"]), ("run", "ada", "done: ada\n"))
        again = self.json("ask", "--wait", told["question"])
        self.assertEqual(again["text"], told["text"])

    def test_a_person_answers_an_agent(self):
        self.spawn("ada")
        task = self.assign("ada", "COLOUR")
        self.until(self.follow(), "ConductorEscalation")
        self.assertIn("which colour?", self.reeve("inbox"))
        question = self.mail()[0]
        self.assertEqual((question["from"], question["type"]), ("ada", "query"))
        self.assertIn("which colour?", self.reeve("inbox", "show", question["id"][:8]))
        self.reeve("reply", question["id"][:8], "red")
        self.assertEqual(self.mail(), [], "answered is done with")
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        said = [e["payload"]["text"] for e in self.events() if e["kind"] == "RunCompleted"]
        self.assertIn("painted red\n", said)

    def test_an_agent_asks_an_agent(self):
        self.spawn("ada")
        self.spawn("bob")
        self.reeve("send", "ada", "FRIEND")
        said = []
        for line in self.follow():
            event = json.loads(line)
            if event.get("kind") == "RunCompleted":
                said.append(event["payload"]["text"])
            if "bob says: on main\n" in said:
                return
        self.fail(said)

    def test_a_question_outlives_who_gave_up(self):
        self.at_the_gate()
        told = json.loads(self.reeve("--json", "ask", "ada", "ANSWER", "--timeout", "0.2", exit_code=5))
        self.assertEqual(told["code"], "timeout")
        question = told["detail"].split("--wait ")[1]
        self.open_gate()
        self.assertEqual(self.reeve("ask", "--wait", question), "on main\n")

    def test_an_agent_that_stops_answers_nothing(self):
        self.at_the_gate()
        asking = self.begin("ask", "ada", "ANSWER")
        self.eventually(lambda: len(self.mail("ada")) == 2)
        self.reeve("kill", "ada")
        self.assertEqual(asking.wait(timeout=support.PATIENCE), 4)

    def test_a_broadcast_reaches_everybody(self):
        for name in ("ada", "bob", "cyd"):
            self.spawn(name)
        self.reeve("kill", "cyd")
        told = self.json("broadcast", "--info", "main", "is", "frozen")
        self.assertEqual((told["number"], told["left_out"]), (2, [{"agent": "cyd", "reason": "stopped"}]))
        self.assertIn("sent to 2 agents", self.reeve("send", "--all", "--info", "until noon"))
        self.assertEqual([m["text"] for m in self.mail("bob")], ["main is frozen", "until noon"])

    def test_now_interrupts_a_round_that_runs(self):
        task = self.at_the_gate()
        self.reeve("send", "ada", "--now", "STOP that")
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        self.assertEqual(self.json("wait", "ada")["state"], "idle")
        kinds = self.kinds()
        self.assertEqual(kinds.count("RunCancelled"), 1)
        self.assertEqual([e["payload"]["text"] for e in self.events() if e["kind"] == "RunCompleted"],
                         ["stopped in time\n"])

    def test_the_town_answers_for_an_agent(self):
        self.at_the_gate()
        self.assertIn("state: working", self.reeve("send", "ada", "--type", "status_request"))
        self.assertEqual(self.reeve("send", "ada", "--type", "ping"), "pong\n")
        self.assertEqual(self.mail(), [])
        self.reeve("send", "ada", "--type", "shutdown")
        self.reeve("send", "ada", "one more thing", exit_code=4)
        self.open_gate()
        self.until(self.follow(), "AgentStopped")
        self.assertEqual(self.json("list")[0]["agent"]["state"], "stopped")

    def test_the_mailbox_is_read_and_done_with(self):
        for text in ("one\nwith a second line", "two", "three"):
            self.reeve("send", "supervisor", "--info", text)
        self.assertNotIn("second line", self.reeve("inbox"))
        self.assertIn("with a second line", self.reeve("inbox", "--full"))
        first = self.mail()[0]["id"]
        self.assertEqual(self.json("inbox", "done", first[:8])["number"], 1)
        self.assertEqual([m["text"] for m in self.mail()], ["two", "three"])
        self.assertIn("supervisor", self.reeve("inbox", "--all"))
        self.assertEqual(self.json("inbox", "done", "--all")["number"], 2)
        self.assertEqual(self.mail(), [])
        self.reeve("inbox", "done", exit_code=2)
        self.reeve("inbox", "show", "ffff", exit_code=3)
        self.reeve("reply", "ffff", "hello", exit_code=3)

    def test_words_that_do_not_go_together(self):
        self.spawn("ada")
        for words in (("--query", "--info", "x"), ("--now", "--idle", "x"), ("--info", "--now", "x"),
                      ("--type", "custom", "x"), ("--query", "--kind", "k", "x")):
            self.reeve("send", *words[:-1], "ada", words[-1], exit_code=2)
        self.reeve("ask", exit_code=2)
        self.assertEqual(self.mail("ada"), [])


if __name__ == "__main__":
    support.main()
