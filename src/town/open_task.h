#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "run/documents.h"
#include "run/draft.h"
#include "town/consequence.h"

/// The task that an agent has in hand when a round has succeeded: it is over, or gone on with.
namespace reeve::town {

using aio::Async;

enum class AfterSuccess {
  done,   ///< completed, with the round's last words
  waits,  ///< for the answer to what its agent asked in the round: that brings the next one
  again,  ///< its agent said that it goes on, or completes by report only: it rests, and comes
          ///< again
};
/// `awaits`: an answer to a question of that run is to come. Pure.
AfterSuccess after_success(const reeve::Task& task, Completes completes, const RunId& run,
                           bool awaits);

/// How long a task rests after so many rounds in a row (from 1) that left it open. Pure.
Duration rest_after(const Pauses& pauses, std::int64_t rounds);

/// A run has succeeded: ends the task that it worked on last, or has it brought again, as
/// after_success() says. While it rests it stays in hand, and whatever else is there for its agent
/// goes first.
Async<Status> settle_in_hand(run::Draft& draft, store::Store& store, Pauses pauses, reeve::Run run,
                             Completes completes, std::string last_words);

/// The open task that the agent has in hand; empty: none, or one that cannot be read.
Async<Result<std::optional<reeve::Task>>> task_in_hand(store::Store& store, Agent agent);
/// The task for which those that were put aside wait: what is in hand, unless it is brought again
/// as they are. Pure.
std::optional<TaskId> held_for(const std::optional<reeve::Task>& in_hand);
/// Whether the answer to what was asked in the last run of the task is to come, or waits to be
/// read. Of a question that nobody will answer any more (a dead letter, say) it is not.
Async<Result<bool>> awaits_answer(store::Store& store, reeve::Task in_hand);
/// Has the task that the idle agent has in hand brought again. conflict: things have changed.
Async<Status> bring_again(run::Draft& draft, store::Store& store, Pauses pauses, AgentId agent);

}  // namespace reeve::town
