#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "event/event.h"
#include "model/api.h"

/// What was seen from outside while a town was killed again and again, and what must hold of it.
namespace reeve::crash {

/// What a writer was told.
struct Acknowledged {
  bool task = false;  ///< else a message
  std::string id;
  std::string text;
};

/// What a round noted itself (agent.sh).
struct RoundTrace {
  int begun = 0;
  int lines = 0;
  int overlaps = 0;  ///< another round of its agent was still there
  std::vector<std::string> sent;
  std::vector<std::string> ends;  ///< "ok" or "fail"
};
RoundTrace read_trace(const std::string& text);

struct Evidence {
  std::vector<Event> log;
  std::vector<std::string> followed;  ///< ids of events, as a follower saw them, from the first on
  std::vector<std::string> breaks;    ///< what was wrong with the order of what it saw
  std::vector<Acknowledged> acknowledged;
  std::vector<std::string> unacknowledged;      ///< texts
  std::vector<std::string> wrong_answers;       ///< repetitions that were answered differently
  std::map<std::string, RoundTrace> traces;     ///< by run
  std::set<std::string> shims_killed;           ///< runs
  std::map<std::string, int> daemons_outlived;  ///< runs that were alive when a daemon died
  std::set<std::string> waiting;                ///< messages in inboxes at the end
  std::set<std::string> dead;                   ///< in the dead letters
  std::vector<Agent> agents;                    ///< as the town shows them at the end
  std::vector<Task> tasks;
  std::set<std::pair<std::string, std::string>> brought;  ///< agent, and a task in its inbox
  std::vector<std::string> orphans;  ///< what `reeve recover --dry-run` found at the end
};

/// One invariant: how often it was put to the test, and where it failed.
struct Finding {
  std::string what;
  std::size_t count = 0;
  std::vector<std::string> offences;
};

/// Pure.
std::vector<Finding> examine(const Evidence& evidence);

}  // namespace reeve::crash
