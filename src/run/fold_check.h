#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/fold.h"
#include "run/documents.h"
#include "store/store.h"

/// Holds a store's documents against its log. Not part of the library.
namespace reeve::run::testing {

/// The state at the end of the log: its snapshot, and what has happened since.
Async<Result<Fold>> fold_of(store::Store& store);

/// Every document of these kinds that is no bookkeeping.
Async<Result<std::vector<FoldedDoc>>> live_documents(store::Store& store,
                                                     std::set<std::string> kinds);

/// Where the documents of a store differ from the fold of its log; nothing: they are its fold.
/// `kinds`: of documents that may be there, beside those that are folded. What runs in mode
/// `disabled` said is left out.
Async<Result<std::vector<std::string>>> fold_differences(store::Store& store,
                                                         std::set<std::string> kinds = {});

}  // namespace reeve::run::testing
