#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/redis/session.h"
#include "store/store.h"

/// What a town has besides its log: the reads of Store that each are one call.
namespace reeve::store::redis {

Async<Result<std::optional<Doc>>> get_doc(Session& session, DocKey key);
Async<Result<std::vector<Doc>>> list_docs(Session& session, DocQuery query);
Async<Result<std::uint64_t>> count_docs(Session& session, std::string kind, std::string mark);

/// Items that are ready at `now`; without it: all.
Async<Result<std::vector<QueueItem>>> find_items(Session& session, std::string queue,
                                                 std::optional<Time> now, std::size_t limit,
                                                 QueuePlace after);
Async<Result<std::optional<std::uint64_t>>> epoch_of_run(Session& session, RunId run);

Async<Result<SnapshotPage>> snapshot_page(Session& session, std::uint64_t after_rank,
                                          std::size_t limit);
Async<Result<SnapshotPage>> snapshot_docs(Session& session, std::vector<DocKey> keys);

}  // namespace reeve::store::redis
