#include "run/fold_check.h"

#include <utility>

#include "base/limits.h"
#include "run/documents.h"

namespace reeve::run::testing {

Async<Result<Fold>> fold_of(store::Store& store) {
  Fold fold(store.log().mark());
  for (std::uint64_t after = 0;;) {
    auto page = co_await store.snapshot(after, limits::kPage);
    if (!page) co_return fail(page.error());
    if (page->docs.empty()) break;
    for (const auto& doc : page->docs) {
      if (auto put = fold.put({doc.key.kind, doc.key.id}, doc.body); !put)
        co_return fail(put.error());
      after = doc.rank;
    }
  }
  while (fold.position() < store.log().head) {
    auto page = co_await store.read(fold.position(), store::EventFilter(), limits::kPage);
    if (!page) co_return fail(page.error());
    for (const auto& event : page->events) {
      if (auto applied = fold.apply(*event); !applied) co_return fail(applied.error());
    }
    fold.reach(page->scanned);
  }
  co_return fold;
}

Async<Result<std::vector<FoldedDoc>>> live_documents(store::Store& store,
                                                     std::set<std::string> kinds) {
  std::vector<FoldedDoc> live;
  for (const auto& kind : kinds) {
    if (kind.starts_with('_')) continue;
    store::DocQuery query{.kind = kind, .mark = {}, .limit = limits::kPage};
    for (;;) {
      auto docs = co_await store.list(query);
      if (!docs) co_return fail(docs.error());
      for (auto& doc : *docs) {
        query.after_rank = doc.rank;
        live.push_back({{doc.key.kind, doc.key.id}, std::move(doc.body)});
      }
      if (docs->size() < query.limit) break;
    }
  }
  co_return live;
}

namespace {

/// What runs in mode `disabled` said is not in the log: it is left out of the comparison, and so is
/// what threads count of it.
void leave_out_disabled(const Fold& fold, std::vector<FoldedDoc>& live) {
  std::set<std::string> runs;
  std::set<std::string> threads;
  for (const auto& [id, run] : fold.all<reeve::Run>()) {
    if (run.durability != Durability::disabled) continue;
    runs.insert(id.str());
    threads.insert(run.thread.str());
  }
  std::erase_if(live, [&](const FoldedDoc& doc) {
    if (doc.name.kind != kDocKind<ThreadMessage>) return false;
    const auto message = parse_json_as<ThreadMessage>(doc.body);
    return message && runs.contains(message->run.str());
  });
  for (auto& doc : live) {
    if (doc.name.kind != kDocKind<Thread> || !threads.contains(doc.name.id)) continue;
    auto thread = parse_json_as<Thread>(doc.body);
    const auto* folded = thread ? fold.find<Thread>(thread->id) : nullptr;
    if (folded == nullptr) continue;
    thread->messages = folded->messages;
    thread->updated_at = folded->updated_at;
    doc.body = write_json_of(*thread);
  }
}

}  // namespace

Async<Result<std::vector<std::string>>> fold_differences(store::Store& store,
                                                         std::set<std::string> kinds) {
  for (auto& kind : Fold::kinds()) kinds.insert(std::move(kind));
  auto fold = co_await fold_of(store);
  if (!fold) co_return fail(fold.error());
  auto live = co_await live_documents(store, std::move(kinds));
  if (!live) co_return fail(live.error());
  leave_out_disabled(*fold, *live);
  co_return fold->differences(*live);
}

}  // namespace reeve::run::testing
