#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/commit.h"

namespace reeve::store::redis {

/// What is known of a document but its body.
struct Head {
  std::uint64_t version = 0;
  std::uint64_t rank = 0;
  std::string marks;  ///< joined
};

/// The documents that this session has written last, as they are: it holds the town alone, so what
/// it wrote stays as it is until it writes again. While commits that touch a document are under
/// way, nothing is known of it. Domain thread only.
class Heads {
 public:
  /// A commit that touches the document is on its way, and is not any more.
  void begin(const DocKey& key);
  void end(const DocKey& key);

  /// Nothing: it is not known how the document is, or will be when a commit comes to it that is
  /// the only one on its way that touches it.
  [[nodiscard]] const Head* find(const DocKey& key) const;
  void set(const DocKey& key, Head head);
  /// One more version; the rest is as it was.
  void written(const DocKey& key);
  /// It is not known what a commit did.
  void forget(const DocKey& key);
  /// Another's session may have been in between.
  void forget_all();
  [[nodiscard]] std::size_t size() const { return known_.size(); }
  /// Counts how often everything was forgotten.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

 private:
  struct Known {
    std::optional<Head> head;
    std::size_t under_way = 0;  // commits
  };
  struct Hash {
    std::size_t operator()(const DocKey& key) const;
  };

  std::unordered_map<DocKey, Known, Hash> known_;
  std::uint64_t epoch_ = 0;
};

}  // namespace reeve::store::redis
