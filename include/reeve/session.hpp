#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reeve/result.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// A conversation, and data of the program's own beside it: JSON values by key. They last as long
  /// as the town's store; each function answers when that is so. Any thread.
  ///
  /// A session without an id (a handler's, of an event that is of none; a closure's, before its run
  /// has made one) keeps no data: invalid_argument.
  class REEVE_API Session {
   public:
    Session() = default;

    /// Empty: none.
    [[nodiscard]] const std::string& id() const { return id_; }

    /// invalid_argument: no JSON, or a key that is empty or longer than 256 bytes. too_large: over
    /// 16 MiB.
    Status set(std::string_view key, std::string_view json);
    /// Empty: there is none.
    [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const;
    /// Absent: nothing happens.
    Status remove(std::string_view key);

   private:
    friend class library::Engine;
    friend class library::Following;
    friend class Town;
    Session(std::shared_ptr<library::Engine> engine, std::string id)
        : engine_(std::move(engine)), id_(std::move(id)) {}

    std::shared_ptr<library::Engine> engine_;
    std::string id_;
  };

}  // namespace v1
}  // namespace reeve
