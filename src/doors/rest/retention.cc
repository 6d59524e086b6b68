#include <algorithm>

#include "base/limits.h"
#include "doors/rest/call.h"
#include "model/town_at.h"

namespace reeve::doors {
Async<net::Answer> answer_retention(Rest& rest) {
  co_return reply(co_await town::view_retention(rest.ground));
}

Async<net::Answer> answer_sweep(Rest& rest, const run::Caller& caller) {
  co_return reply(co_await town::apply_retention(rest.ground, caller));
}

Async<net::Answer> answer_snapshot(Rest& rest, std::uint64_t after, std::size_t limit) {
  limit = std::clamp<std::size_t>(limit, 1, limits::kPage);
  rest.snapshot_reading.begin_page(rest.ground);
  auto page = co_await rest.ground.log.store().snapshot(after, limit);
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
