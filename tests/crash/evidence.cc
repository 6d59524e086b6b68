#include "evidence.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/json.h"
#include "model/fact.h"

namespace reeve::crash {
namespace {

/// The log, told apart.
struct Story {
  struct Run {
    std::string agent;
    int starts = 0;
    std::vector<std::string> ends;  ///< kinds of its terminal events
    std::string code;
    std::vector<std::string> after;    ///< events of it behind its end
    std::vector<std::string> answers;  ///< texts of its AssistantMessages
  };
  std::map<std::string, Run> runs;
  std::multimap<std::string, std::string> tasks;  ///< id by text
  std::multimap<std::string, Message> messages;   ///< by text
  std::map<std::string, int> task_ids;
  std::map<std::string, int> message_ids;
  std::map<std::string, int> handled;
  std::map<std::string, int> dead;
  std::set<std::string> stopped;  ///< runs that somebody asked to end
  std::map<std::string, std::optional<Agent>> agents;
  std::map<std::string, std::optional<Task>> task_docs;
  std::set<std::string> withdrawn;  ///< messages that nobody wanted to be read any more
  std::vector<std::string> unreadable;
};

void end_run(Story& story, const char* kind, const fact::RunEnd& end) {
  auto& run = story.runs[end.run.str()];
  run.ends.emplace_back(kind);
  run.code = end.code;
  for (const auto& message : end.messages) ++story.handled[message.str()];
}

template <class... F>
struct Cases : F... {
  using F::operator()...;
};

void tell(Story& story, const Fact& told) {
  std::visit(
      Cases{[&](const fact::TaskCreated& it) {
              story.tasks.emplace(it.task.text, it.task.id.str());
              ++story.task_ids[it.task.id.str()];
            },
            [&](const fact::MessageSent& it) {
              story.messages.emplace(it.message.text, it.message);
              ++story.message_ids[it.message.id.str()];
            },
            [&](const fact::MessageDeadLettered& it) { ++story.dead[it.message.str()]; },
            [&](const fact::MessagesHandled& it) {
              for (const auto& message : it.messages) ++story.handled[message.str()];
            },
            [&](const fact::RunStopRequested& it) { story.stopped.insert(it.run.str()); },
            [&](const fact::RunStarted& it) {
              auto& run = story.runs[it.run.id.str()];
              run.agent = it.run.agent ? it.run.agent->str() : "";
              ++run.starts;
            },
            [&](const fact::RunCompleted& it) { end_run(story, "RunCompleted", it); },
            [&](const fact::RunFailed& it) { end_run(story, "RunFailed", it); },
            [&](const fact::RunCancelled& it) { end_run(story, "RunCancelled", it); },
            [&](const fact::MessageWithdrawn& it) { story.withdrawn.insert(it.message.str()); },
            [](const auto&) {}},
      told);
}

/// State is the fold of its facts.
void fold(Story& story, const Fact& told, Time at) {
  const auto about = concerned(told);
  for (const auto& id : about.agents) {
    if (id != supervisor_id()) apply(story.agents[id.str()], told, at);
  }
  for (const auto& id : about.tasks) apply(story.task_docs[id.str()], told, at);
}

Story read(const std::vector<Event>& log) {
  Story story;
  for (const auto& event : log) {
    for (const auto& scope : event.scopes) {
      if (scope.family() != "run") continue;
      auto& run = story.runs[std::string(scope.id())];
      if (!run.ends.empty()) run.after.push_back(event.kind);
      if (event.kind == "AssistantMessage") {
        const auto payload = parse_json(event.payload);
        run.answers.emplace_back(payload ? payload->at("text").as_string() : "");
      }
    }
    const auto told = fact_of(event);
    if (!told) {
      story.unreadable.push_back(std::to_string(event.position.value) + " " + event.kind);
    } else if (*told) {
      tell(story, **told);
      fold(story, **told, event.time);
    }
  }
  return story;
}

std::string lines_of(int count, int of) {
  std::string text;
  for (int i = 1; i <= count; ++i)
    text += "line " + std::to_string(i) + " of " + std::to_string(of) + "\n";
  return text;
}

Finding order(const Evidence& evidence, const Story& story) {
  Finding finding{"G4 the log is dense from 1, each event once", evidence.log.size(),
                  story.unreadable};
  std::set<std::string> ids;
  std::uint64_t expected = 0;
  for (const auto& event : evidence.log) {
    if (event.position.value != ++expected)
      finding.offences.push_back("position " + std::to_string(event.position.value) + " for " +
                                 std::to_string(expected));
    if (!ids.insert(event.id.str()).second)
      finding.offences.push_back("event " + event.id.str() + " twice");
  }
  return finding;
}

Finding following(const Evidence& evidence) {
  Finding finding{"G5 a follower saw the same, without gap or repetition", evidence.followed.size(),
                  evidence.breaks};
  if (evidence.followed.size() < evidence.log.size())
    finding.offences.push_back("it saw " + std::to_string(evidence.followed.size()) + " of " +
                               std::to_string(evidence.log.size()));
  for (std::size_t i = 0; i < std::min(evidence.followed.size(), evidence.log.size()); ++i) {
    if (evidence.followed[i] != evidence.log[i].id.str())
      finding.offences.push_back("position " + std::to_string(i + 1) + ": saw " +
                                 evidence.followed[i]);
  }
  return finding;
}

Finding acknowledged(const Evidence& evidence, const Story& story, bool tasks) {
  Finding finding{
      std::string("G1 every acknowledged ") + (tasks ? "task" : "message") + " is there, once",
      0,
      {}};
  for (const auto& ack : evidence.acknowledged) {
    if (ack.task != tasks) continue;
    ++finding.count;
    bool found = false;
    if (tasks) {
      const auto [begin, end] = story.tasks.equal_range(ack.text);
      found = std::any_of(begin, end, [&](const auto& entry) { return entry.second == ack.id; });
    } else {
      const auto [begin, end] = story.messages.equal_range(ack.text);
      found = std::any_of(begin, end, [&](const auto& entry) {
        return ack.id.empty() || entry.second.id.str() == ack.id;
      });
    }
    if (!found) finding.offences.push_back(ack.id + " (" + ack.text + ") is lost");
  }
  return finding;
}

Finding once(const Story& story) {
  Finding finding{
      "G9 no task and no message is there twice", story.tasks.size() + story.messages.size(), {}};
  const auto twice = [&](const std::string& what, auto begin, auto end, const auto& all) {
    for (; begin != end; ++begin) {
      if (all.count(begin->first) > 1) finding.offences.push_back(what + begin->first);
    }
  };
  twice("task text ", story.tasks.begin(), story.tasks.end(), story.tasks);
  // A task that was put aside, or taken back and claimed, is brought again by a message of its
  // text.
  auto letters = story.messages;
  std::erase_if(letters, [](const auto& entry) { return entry.second.task.has_value(); });
  twice("message text ", letters.begin(), letters.end(), letters);
  for (const auto* ids : {&story.task_ids, &story.message_ids}) {
    for (const auto& [id, count] : *ids) {
      if (count != 1) finding.offences.push_back(id);
    }
  }
  return finding;
}

Finding ends(const Story& story) {
  Finding finding{"G7 every run ends in exactly one terminal event", story.runs.size(), {}};
  for (const auto& [id, run] : story.runs) {
    if (run.starts != 1)
      finding.offences.push_back(id + " started " + std::to_string(run.starts) + " times");
    if (run.ends.size() != 1)
      finding.offences.push_back(id + " has " + std::to_string(run.ends.size()) + " ends");
    for (const auto& kind : run.after)
      finding.offences.push_back(id + " has a " + kind + " behind its end");
  }
  return finding;
}

Finding executed_once(const Evidence& evidence, const Story& story) {
  Finding finding{
      "no round ran twice, unasked, or beside another of its agent", evidence.traces.size(), {}};
  for (const auto& [id, trace] : evidence.traces) {
    if (trace.begun > 1) finding.offences.push_back(id + " ran twice");
    if (trace.overlaps > 0) finding.offences.push_back(id + " ran beside another");
    if (!story.runs.contains(id)) finding.offences.push_back(id + " is not in the log");
  }
  return finding;
}

/// What a round did is what the log says of it.
Finding told_truly(const Evidence& evidence, const Story& story) {
  Finding finding{"G7 every end says what the round did", 0, {}};
  for (const auto& [id, run] : story.runs) {
    if (run.ends.size() != 1) continue;
    ++finding.count;
    const auto found = evidence.traces.find(id);
    const auto trace = found == evidence.traces.end() ? RoundTrace() : found->second;
    const bool killed = evidence.shims_killed.contains(id) || story.stopped.contains(id);
    const auto& end = run.ends.front();
    const auto wrong = [&](const std::string& why) {
      finding.offences.push_back(id + " is " + end + " (" + run.code + "), but " + why);
    };
    if (trace.ends.size() > 1) {
      wrong("ended twice");
    } else if (trace.ends.empty()) {
      if (end == "RunCompleted") wrong("did not end by itself");
      if (trace.begun > 0 && !killed) wrong("nobody killed it");
    } else if (trace.ends.front() == "fail") {
      if (end != "RunFailed" && !killed) wrong("it failed");
    } else if (end != "RunCompleted" && !killed) {
      wrong("it succeeded");
    }
  }
  return finding;
}

Finding output(const Evidence& evidence, const Story& story) {
  Finding finding{"G12 every line of output is there, once and in order", 0, {}};
  for (const auto& [id, trace] : evidence.traces) {
    const auto run = story.runs.find(id);
    if (run == story.runs.end() || trace.begun == 0) continue;
    ++finding.count;
    const auto& answers = run->second.answers;
    const auto all = lines_of(trace.lines, trace.lines);
    if (evidence.shims_killed.contains(id) || story.stopped.contains(id)) {
      if (answers.size() > 1 || (answers.size() == 1 && !all.starts_with(answers.front())))
        finding.offences.push_back(id + " (killed) has other lines than it wrote");
    } else if (answers.size() != 1 || answers.front() != all) {
      finding.offences.push_back(id + " has " + std::to_string(answers.size()) + " answers" +
                                 (answers.empty() ? "" : ", the first: " + answers.front()));
    }
  }
  return finding;
}

Finding outlived(const Evidence& evidence, const Story& story) {
  Finding finding{"G12 rounds that outlived a daemon ended by themselves", 0, {}};
  for (const auto& [id, times] : evidence.daemons_outlived) {
    if (evidence.shims_killed.contains(id) || story.stopped.contains(id)) continue;
    const auto trace = evidence.traces.find(id);
    const bool ended = trace != evidence.traces.end() && trace->second.ends.size() == 1;
    if (ended) {
      ++finding.count;
    } else {
      const auto run = story.runs.find(id);
      finding.offences.push_back(id + " did not reach its end" +
                                 (run == story.runs.end() ? "" : ": " + run->second.code));
    }
  }
  if (finding.count == 0) finding.offences.emplace_back("there was none: the test tested nothing");
  return finding;
}

Finding tasks_explained(const Story& story) {
  Finding finding{"every task is over", story.task_docs.size(), {}};
  for (const auto& [id, task] : story.task_docs) {
    if (!task) {
      finding.offences.push_back(id + " is not there");
    } else if (!is_ended(task->state)) {
      finding.offences.push_back(id + " is " + std::string(enum_name(task->state)));
    }
  }
  return finding;
}

/// The invariant of work: an open task that has an agent is its current task, or a message in its
/// inbox brings it; one without is in the backlog, which a sweep looks at (Evidence::orphans).
Finding tasks_brought(const Evidence& evidence) {
  Finding finding{"an open task is its agent's current one, or is brought to it", 0, {}};
  for (const auto& task : evidence.tasks) {
    if (is_ended(task.state) || !task.agent) continue;
    ++finding.count;
    const auto agent = std::ranges::find(evidence.agents, *task.agent, &Agent::id);
    const bool current = agent != evidence.agents.end() && agent->current_task == task.id;
    if (!current && !evidence.brought.contains({task.agent->str(), task.id.str()}))
      finding.offences.push_back(task.id.str() + " is " + std::string(enum_name(task.state)));
  }
  return finding;
}

Finding messages_kept(const Evidence& evidence, const Story& story) {
  Finding finding{"every message is handled, dead or waits: in one place", 0, {}};
  for (const auto& [text, message] : story.messages) {
    const auto id = message.id.str();
    ++finding.count;
    const auto handled = story.handled.contains(id) ? story.handled.at(id) : 0;
    const auto dead = story.dead.contains(id) ? story.dead.at(id) : 0;
    const int waits = evidence.waiting.contains(id) ? 1 : 0;
    const int places = handled + dead + waits;
    if (places != 1 && !(places == 0 && story.withdrawn.contains(id)))
      finding.offences.push_back(id + " (" + text + "): handled " + std::to_string(handled) +
                                 ", dead " + std::to_string(dead) + ", waits " +
                                 std::to_string(waits));
    if (dead != (evidence.dead.contains(id) ? 1 : 0))
      finding.offences.push_back(id + " is not in the dead letters as the log says");
  }
  return finding;
}

Finding folded(const Evidence& evidence, const Story& story) {
  Finding finding{"G2 agents and tasks are the fold of their events",
                  evidence.agents.size() + evidence.tasks.size(),
                  {}};
  const auto compare = [&](const auto& now, const auto& all) {
    const auto found = all.find(now.id.str());
    if (found == all.end() || !found->second || write_json_of(*found->second) != write_json_of(now))
      finding.offences.push_back(now.id.str());
  };
  for (const auto& agent : evidence.agents) compare(agent, story.agents);
  for (const auto& task : evidence.tasks) compare(task, story.task_docs);
  if (evidence.tasks.size() != story.task_docs.size())
    finding.offences.push_back(std::to_string(evidence.tasks.size()) + " tasks for " +
                               std::to_string(story.task_docs.size()) + " in the log");
  return finding;
}

}  // namespace

RoundTrace read_trace(const std::string& text) {
  RoundTrace trace;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("begin ")) {
      ++trace.begun;
      trace.lines = std::stoi(line.substr(6));
    } else if (line == "overlap") {
      ++trace.overlaps;
    } else if (line.starts_with("sent ")) {
      trace.sent.push_back(line.substr(5));
    } else if (line.starts_with("end ")) {
      trace.ends.push_back(line.substr(4));
    }
  }
  return trace;
}

std::vector<Finding> examine(const Evidence& evidence) {
  const auto story = read(evidence.log);
  auto all = evidence;
  for (const auto& [run, trace] : evidence.traces) {
    for (const auto& text : trace.sent)
      all.acknowledged.push_back({.task = false, .id = {}, .text = text});
  }
  return {
      order(all, story),
      following(all),
      acknowledged(all, story, true),
      acknowledged(all, story, false),
      once(story),
      {"G9 a repeated request got the first answer", all.acknowledged.size(), all.wrong_answers},
      ends(story),
      executed_once(all, story),
      told_truly(all, story),
      output(all, story),
      outlived(all, story),
      tasks_explained(story),
      tasks_brought(all),
      {"a sweep finds nothing that belongs nowhere", all.tasks.size(), all.orphans},
      messages_kept(all, story),
      folded(all, story)};
}

}  // namespace reeve::crash
