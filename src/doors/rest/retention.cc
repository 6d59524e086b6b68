#include <algorithm>

#include "base/limits.h"
#include "doors/rest/call.h"
#include "model/town_at.h"

/// What the log keeps, and the state where it begins.
namespace reeve::doors {

Async<net::Answer> get_retention(Call& call) {
  co_return reply(co_await town::view_retention(call.rest.ground));
}

Async<net::Answer> post_sweep(Call& call) {
  co_return reply(co_await town::apply_retention(call.rest.ground, call.caller));
}

/// A page of the documents at the low-water mark, at most limits::kPage and limits::kPageBytes.
/// Retention waits a while for the next one.
Async<net::Answer> get_snapshot(Call& call) {
  const auto wanted = page_of(call.request);
  if (!wanted) co_return net::problem_response(wanted.error());
  auto& rest = call.rest;
  const auto limit = std::clamp<std::size_t>(wanted->limit, 1, limits::kPage);
  rest.snapshot_reading.begin_page(rest.ground);
  auto page = co_await rest.ground.log.store().snapshot(wanted->after, limit);
  if (!page) co_return net::problem_response(page.error());
  if (page->docs.empty()) rest.snapshot_reading.end();
  std::vector<FoldedDoc> docs;
  docs.reserve(page->docs.size());
  std::string next;
  for (auto& doc : page->docs) {
    next = ",\"next\":" + std::to_string(doc.rank);
    docs.push_back({{std::move(doc.key.kind), std::move(doc.key.id)}, std::move(doc.body)});
  }
  co_return net::json_response(200, "{\"position\":" + std::to_string(page->at.value) +
                                        ",\"cursor\":\"" + rest.ground.log.cursor(page->at).str() +
                                        "\",\"documents\":" + documents_json(docs) + next + "}");
}

}  // namespace reeve::doors
