#include "store/redis/state_reader.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

/// Items of a queue that one call looks at.
constexpr std::size_t kItemRows = 1'000;

std::string text(std::uint64_t number) { return std::to_string(number); }

Result<SnapshotPage> page_at(const std::vector<RedisReply>& parts) {
  if (parts.empty()) return fail(not_understood());
  const auto oldest = whole_number<std::uint64_t>(parts[0].text);
  if (!oldest) return fail(not_understood());
  return SnapshotPage{.at = {*oldest - 1}, .docs = {}};
}

}  // namespace

Async<Result<std::optional<Doc>>> get_doc(Session& session, DocKey key) {
  auto reply = co_await session.ask({"HGET", session.key("doc:" + key.kind), key.id});
  if (!reply) co_return fail(reply.error());
  if (reply->is(RedisReply::Kind::nil)) co_return std::nullopt;
  auto doc = decode_doc(std::move(key), std::move(reply->text));
  if (!doc) co_return fail(doc.error());
  co_return std::move(doc->doc);
}

Async<Result<std::vector<Doc>>> list_docs(Session& session, DocQuery query) {
  auto reply = co_await session.run(
      Script::list, {query.kind, query.mark, text(query.after_rank), query.descending ? "1" : "0",
                     text(std::min(query.limit, limits::kPage)), text(limits::kPageBytes)});
  if (!reply) co_return fail(reply.error());
  std::vector<Doc> docs;
  auto& parts = reply->elements;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    auto doc = decode_doc({query.kind, std::move(parts[i].text)}, std::move(parts[i + 1].text));
    if (!doc) co_return fail(doc.error());
    docs.push_back(std::move(doc->doc));
  }
  co_return docs;
}

Async<Result<std::uint64_t>> count_docs(Session& session, std::string kind, std::string mark) {
  auto reply = co_await session.ask({"ZCARD", session.key(list_name(kind, mark))});
  if (!reply) co_return fail(reply.error());
  co_return static_cast<std::uint64_t>(reply->integer);
}

Async<Result<std::vector<QueueItem>>> find_items(Session& session, std::string queue,
                                                 std::optional<Time> now, std::size_t limit,
                                                 QueuePlace after) {
  limit = std::min(limit, limits::kPage);
  std::vector<QueueItem> found;
  auto place = after.order == 0 ? std::string() : encode_place(after) + std::string(1, '\xff');
  const auto ready_at = now ? std::to_string(to_ms(*now)) : std::string();
  do {
    auto reply = co_await session.run(
        Script::items, {queue, place, text(limit - found.size()), ready_at, text(kItemRows)});
    if (!reply) co_return fail(reply.error());
    const auto& parts = reply->elements;
    if (parts.empty()) co_return fail(not_understood());
    for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
      auto item = decode_item(parts[i].text, parts[i + 1].text);
      if (!item) co_return fail(item.error());
      found.push_back(std::move(*item));
    }
    place = parts[0].text;
  } while (!place.empty() && found.size() < limit);
  co_return found;
}

Async<Result<std::optional<std::uint64_t>>> epoch_of_run(Session& session, RunId run) {
  auto reply = co_await session.ask({"HGET", session.key("epochs"), run.str()});
  if (!reply) co_return fail(reply.error());
  if (reply->is(RedisReply::Kind::nil)) co_return std::nullopt;
  const auto epoch = whole_number<std::uint64_t>(reply->text);
  if (!epoch) co_return fail(epoch.error());
  co_return *epoch;
}

Async<Result<SnapshotPage>> snapshot_page(Session& session, std::uint64_t after_rank,
                                          std::size_t limit) {
  auto reply = co_await session.run(
      Script::snapshot,
      {text(after_rank), text(std::min(limit, limits::kPage)), text(limits::kPageBytes)});
  if (!reply) co_return fail(reply.error());
  const auto& parts = reply->elements;
  auto page = page_at(parts);
  for (std::size_t i = 1; page && i + 1 < parts.size(); i += 2) {
    auto doc = decode_snapshot(parts[i].text, parts[i + 1].text);
    if (!doc) co_return fail(doc.error());
    page->docs.push_back(std::move(*doc));
  }
  co_return page;
}

Async<Result<SnapshotPage>> snapshot_docs(Session& session, std::vector<DocKey> keys) {
  RedisWords names;
  for (const auto& key : keys) names.push_back(snapshot_name(key));
  auto reply = co_await session.run(Script::snapshot_of, names);
  if (!reply) co_return fail(reply.error());
  const auto& parts = reply->elements;
  auto page = page_at(parts);
  for (std::size_t i = 1; page && i < parts.size() && i <= names.size(); ++i) {
    if (parts[i].text.empty()) continue;
    auto doc = decode_snapshot(names[i - 1], parts[i].text);
    if (!doc) co_return fail(doc.error());
    page->docs.push_back(std::move(*doc));
  }
  co_return page;
}

}  // namespace reeve::store::redis
