#pragma once

#include <string>
#include <vector>

#include "log/durable_sink.h"
#include "store/store.h"

namespace reeve::log {

/// What protects a commit of a sink's events, for whoever keeps them without documents of a town.
/// (Where facts are folded into documents, run/draft.h does the same.)
struct AppendOptions {
  std::string writer;  ///< who repeats; keys of different writers never meet
  std::string key;     ///< makes a repetition harmless (G9); needs a writer. Empty: none
  /// What must hold, or nothing is kept: DocAt for the version that a document is expected to have,
  /// DocAbsent where none is expected, RunAt for a lease.
  std::vector<store::Precondition> require;
  std::vector<store::Write> writes;  ///< beside the events, all or nothing with them
};

/// SHA-256 of what makes events the same request: kind, payload, visibility, correlation,
/// causation, and the scopes in any order. Ids, times, origin and schema may differ.
std::string digest_of(const std::vector<NewEvent>& events);

/// Commits what the sink holds. It holds it no longer when that lasts: also when the key says that
/// it did already (Committed::repeated). Where it fails it holds everything as before, so the same
/// call can be repeated; with a key that settles an unknown_outcome.
///
/// conflict: something required does not hold, or the key was used for other events.
/// invalid_argument: a key without a writer. Otherwise what Store::commit fails with.
Async<Result<store::Committed>> append(store::Store& store, DurableSink& sink,
                                       AppendOptions options);

}  // namespace reeve::log
