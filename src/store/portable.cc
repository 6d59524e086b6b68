#include "store/portable.h"

#include <charconv>

#include "base/digest.h"
#include "base/overloaded.h"

namespace reeve::store::portable {
namespace {

/// A row as bytes of which no two rows have the same: each text with its length before it.
class Bytes {
 public:
  void text(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }
  void number(std::uint64_t number) { (bytes_ += std::to_string(number)) += ' '; }
  void number(std::int64_t number) { (bytes_ += std::to_string(number)) += ' '; }
  void number(int value) { number(std::int64_t{value}); }
  void maybe(const std::optional<std::string>& value) {
    number(std::uint64_t{value.has_value()});
    if (value) text(*value);
  }
  [[nodiscard]] const std::string& all() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string bytes_of(const Row& row) {
  Bytes out;
  out.number(static_cast<std::uint64_t>(row.index()));
  std::visit(Overloaded{[&](const DocRow& r) {
                          out.text(r.doc.key.kind);
                          out.text(r.doc.key.id);
                          out.number(r.doc.version);
                          out.number(r.doc.rank);
                          out.number(r.marks.size());
                          for (const auto& mark : r.marks) out.text(mark);
                          out.text(r.doc.body);
                        },
                        [&](const QueueRow& r) {
                          out.text(r.queue);
                          out.text(r.item.item);
                          out.number(r.item.priority);
                          out.number(r.item.attempt);
                          out.number(to_ms(r.item.not_before));
                          out.text(r.item.lease);
                          out.number(r.item.order);
                        },
                        [&](const RunRow& r) {
                          out.text(r.run.str());
                          out.number(r.epoch);
                        },
                        [&](const LeaseRow& r) {
                          out.text(r.name);
                          out.number(r.epoch);
                        },
                        [&](const KeyRow& r) {
                          out.text(r.key.writer);
                          out.text(r.key.key);
                          out.text(r.key.digest);
                          out.number(r.first.value);
                          out.number(r.last.value);
                          out.text(r.answer);
                          out.number(to_ms(r.time));
                        },
                        [&](const SnapshotRow& r) {
                          out.text(r.doc.key.kind);
                          out.text(r.doc.key.id);
                          out.number(r.doc.rank);
                          out.text(r.doc.body);
                        },
                        [&](const EventRow& r) {
                          const auto& event = *r.event;
                          out.number(event.position.value);
                          out.text(event.id.str());
                          out.text(event.kind);
                          out.number(static_cast<std::uint64_t>(event.fidelity));
                          out.number(static_cast<std::uint64_t>(event.visibility));
                          out.number(std::uint64_t{event.schema});
                          out.number(to_ms(event.time));
                          out.number(event.scopes.size());
                          for (const auto& scope : event.scopes) out.text(scope.str());
                          out.text(event.origin);
                          out.maybe(event.correlation);
                          out.maybe(event.causation);
                          out.text(event.payload);
                        }},
             row);
  return out.all();
}

Error changed(const std::string& what) {
  return {Errc::corrupt, "the store changed while it was read, or is damaged: " + what};
}

}  // namespace

void Tally::add(const Row& row) {
  auto& kind = kinds_[row.index()];
  ++kind.rows;
  const auto hex = sha256_hex(bytes_of(row));
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < kind.sum.size(); ++i) {
    std::uint64_t word = 0;
    std::from_chars(hex.data() + 16 * i, hex.data() + 16 * (i + 1), word, 16);
    const auto sum = kind.sum[i] + word;
    const auto all = sum + carry;
    carry = (sum < word ? 1 : 0) + (all < sum ? 1 : 0);
    kind.sum[i] = all;
  }
}

std::uint64_t Tally::rows() const {
  std::uint64_t all = 0;
  for (const auto& kind : kinds_) all += kind.rows;
  return all;
}

std::string Tally::digest(const Summary& summary) const {
  Bytes out;
  out.text(summary.log.str());
  out.number(summary.head.value);
  out.number(summary.oldest.value);
  for (const auto& kind : kinds_) {
    out.number(kind.rows);
    for (const auto word : kind.sum) out.number(word);
  }
  return sha256_hex(out.all());
}

std::string_view name_of_kind(std::size_t kind) {
  static constexpr std::array<std::string_view, kRowKinds> kNames{
      "documents",    "queue items",        "open runs", "leases",
      "request keys", "snapshot documents", "events"};
  return kNames.at(kind);
}

namespace {

template <class Each>
Async<Result<Tally>> walk(Source& from, Each& each, Progress progress) {
  Tally tally;
  auto last = Position{from.summary().oldest.value - 1};
  for (;;) {
    auto rows = co_await from.next();
    if (!rows) co_return fail(rows.error());
    if (rows->empty()) break;
    for (const auto& row : *rows) {
      tally.add(row);
      const auto* event = std::get_if<EventRow>(&row);
      if (event == nullptr) continue;
      if (event->event->position != next(last)) {
        co_return fail(changed("event " + std::to_string(event->event->position.value) +
                               " follows " + std::to_string(last.value)));
      }
      last = event->event->position;
    }
    if (auto done = co_await each(std::move(*rows)); !done) co_return fail(done.error());
    if (progress) progress(tally);
  }
  if (last != from.summary().head) {
    co_return fail(changed("its events end at " + std::to_string(last.value) + ", not at " +
                           std::to_string(from.summary().head.value)));
  }
  co_return tally;
}

}  // namespace

Async<Result<Tally>> copy(Source& from, Target& to, Progress progress) {
  if (auto begun = co_await to.begin(from.summary()); !begun) co_return fail(begun.error());
  auto put = [&to](std::vector<Row> rows) { return to.put(std::move(rows)); };
  co_return co_await walk(from, put, std::move(progress));
}

Async<Result<Tally>> count(Source& from, Progress progress) {
  auto none = [](std::vector<Row>) -> Async<Status> { co_return Status(); };
  co_return co_await walk(from, none, std::move(progress));
}

}  // namespace reeve::store::portable
