#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

/// What is in a town, as commands print it for a person.
namespace reeve::cli {

/// How many tasks there are, and how many messages wait for the people of the town.
void print_counts(Session& session, const api::TaskCounts& tasks, std::int64_t mail);
void print_agents(Session& session, const std::vector<api::AgentView>& agents, bool heading = true);
/// One agent in full, but for what happened to it.
void print_agent(Session& session, const api::AgentView& view,
                 const std::optional<api::TaskView>& last);
/// "3 working, 1 paused, 12 idle"; nothing where there are none.
std::string count_text(const api::AgentCounts& counts);
/// What should be known of them beside their rows.
void print_notes(Session& session, const std::vector<api::AgentView>& agents);
void print_tasks(Session& session, const std::vector<api::TaskView>& tasks);
/// What a command ends with that changed a task: "task 3fa2 WHAT", or its JSON. Fails as it did.
Status tell_change(Session& session, const Result<Task>& task, std::string_view what);
void print_backlog(Session& session, const std::vector<api::BacklogView>& tasks);
/// `from` of each is a name.
void print_messages(Session& session, const std::vector<Message>& messages);

}  // namespace reeve::cli
