#include "store/redis/refusal.h"

#include <optional>

#include "store/check.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

std::optional<std::uint64_t> number_in(std::string_view digits) {
  const auto number = whole_number<std::uint64_t>(digits);
  return number ? std::optional(*number) : std::nullopt;
}

/// The state of affairs in which exactly one condition was looked at.
class Seen final : public Facts {
 public:
  explicit Seen(std::string_view instead) : instead_(instead) {}
  std::optional<std::uint64_t> doc_version(const DocKey&) override { return number_in(instead_); }
  std::optional<std::uint64_t> run_epoch(const RunId&) override { return number_in(instead_); }
  std::optional<std::string> held_by(std::string_view, std::string_view) override {
    if (!instead_.starts_with('=')) return std::nullopt;
    return std::string(instead_.substr(1));
  }
  std::optional<Lease> lease(std::string_view name) override {
    // "EPOCH UNTIL HOLDER"
    const auto first = instead_.find(' ');
    const auto second = instead_.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
    const auto epoch = whole_number<std::uint64_t>(instead_.substr(0, first));
    const auto until = whole_number<std::int64_t>(instead_.substr(first + 1, second - first - 1));
    if (!epoch || !until) return std::nullopt;
    return Lease{std::string(name), std::string(instead_.substr(second + 1)), *epoch,
                 from_ms(*until)};
  }

 private:
  std::string_view instead_;
};

}  // namespace

Error refusal(const Commit& commit, const Verdict& verdict) {
  Commit one;
  Seen seen(verdict.instead);
  if (verdict.which == 0 && commit.key) {
    if (auto same = check_digest(*commit.key, verdict.instead); !same) return same.error();
  }
  if (verdict.which > 0) {
    const auto index = static_cast<std::size_t>(verdict.which - 1);
    if (index < commit.require.size()) one.require = {commit.require[index]};
  }
  if (verdict.which < 0) {
    const auto index = static_cast<std::size_t>(-verdict.which - 1);
    if (index < commit.writes.size()) one.writes = {commit.writes[index]};
  }
  // Of a lease that Redis found to have run out, by its own clock, it has.
  if (auto holds = check_preconditions(one, seen, Time::max()); !holds) return holds.error();
  return Error(Errc::conflict, "a condition of the commit does not hold");
}

}  // namespace reeve::store::redis
