#pragma once

#include <cstdint>
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

/// conflict: an agent goes by that name already, or its id begins with it (names are unique against
/// names, nicknames and short ids). That nobody takes it meanwhile is for the commit to require.
Async<Status> check_name_free(store::Store& store, std::string name);
/// The names that would be taken for this id's first digits: a new agent's id has none of them.
std::vector<store::DocKey> names_like(const AgentId& id);

/// "supervisor" or "conductor", whatever the case, or its id: the mailbox without an agent.
bool is_supervisor(std::string_view reference);

/// "NICKNAME [ROLE]": an agent as a list may show it, by its nickname or name; without a role the
/// name stands in the brackets.
std::string display_label(const Agent& agent);

/// Finds the agent that a person or another agent means: by name, nickname or label (without regard
/// to case), by id, or by the first digits of its id (four or more). An agent that was pruned is
/// found by its whole id only. not_found: nobody; the text suggests near names. conflict: several;
/// the text lists them.
Async<Result<Agent>> find_agent(store::Store& store, std::string reference);
/// Finds a task by id or by its first digits (four or more), among the newest thousand. corrupt: it
/// cannot be read; others that cannot be are passed over.
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

/// The marks of which every agent of the town has exactly one: those that are not over, then those
/// that are. Whoever ends while they are listed one after the other is seen twice, not missed.
std::vector<std::string> marks_of_every_agent();
/// Agents that have any of the marks, behind a rank, in order of their spawning; each once.
Async<Result<std::vector<store::Doc>>> agents_behind(store::Store& store,
                                                     std::vector<std::string> marks,
                                                     std::uint64_t after, std::size_t limit);
/// All agents in order of their spawning, but for those that were pruned.
Async<Result<run::Found<Agent>>> look_through_agents(store::Store& store);
/// The same, without those whose documents are damaged.
Async<Result<std::vector<Agent>>> all_agents(store::Store& store);

/// The name of an agent for people: its own, "supervisor", or the reference as it is where there is
/// no such agent.
Async<std::string> display_name(store::Store& store, std::string from);

}  // namespace reeve::town
