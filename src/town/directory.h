#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/documents.h"
#include "store/store.h"

/// Who is meant by a reference.
namespace reeve::town {

using aio::Async;

/// The document that makes a name unique: names meet without regard to case.
store::DocKey name_key(std::string_view name);

/// Finds the agent that a person or another agent means: by name (without regard to case), by id,
/// or by the first digits of its id (four or more). not_found: nobody; the text suggests near
/// names. conflict: several; the text lists them.
Async<Result<Agent>> find_agent(store::Store& store, std::string reference);
/// Finds a task by id or by its first digits (four or more), among the newest thousand.
Async<Result<reeve::Task>> find_task(store::Store& store, std::string reference);

/// Finds a message by id or by its first digits (four or more): among those of `mailbox` (of the
/// whole town, if absent) the ones that wait and the newest thousand. not_found: none, or it is not
/// in that mailbox. corrupt: it cannot be read.
Async<Result<Message>> find_message(store::Store& store, std::string reference,
                                    std::optional<AgentId> mailbox);

/// A webhook by its id or its first digits. not_found: none, or it has been removed.
Async<Result<Webhook>> find_webhook(store::Store& store, std::string reference);
/// A scope as people name it: "agent:ada" and "task:3fa2" too. Errors: find_agent(), find_task(),
/// Scope::parse().
Async<Result<Scope>> find_scope(store::Store& store, std::string text);

/// All agents in order of their spawning.
Async<Result<std::vector<Agent>>> all_agents(store::Store& store);

/// The name of an agent for people: its own, "supervisor", or the reference as it is where there is
/// no such agent.
Async<std::string> display_name(store::Store& store, std::string from);

}  // namespace reeve::town
