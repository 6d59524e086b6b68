#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve {

/// A key or a token. It is no text on purpose: nothing prints, logs or writes it by accident.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  /// For the header that it belongs in, and for nothing else.
  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// `text` with "***" wherever the secret stood in it: for what somebody else wrote. One of less
  /// than eight bytes ("none", "ollama") keeps nobody out, and hiding it would spoil the text.
  [[nodiscard]] std::string hide_in(std::string text) const;

 private:
  std::string text_;
};

/// Blanks around it do not belong to it. not_found: the variable is not set. invalid_argument: it
/// is empty, longer than limits::kSecret, or holds control bytes. No error text holds any of it.
Result<Secret> secret_from_variable(const std::string& name);
/// The same for a file that only its owner may read (0600), who is this user or root: anything else
/// is denied, and the text says what to do.
Result<Secret> secret_from_file(const std::filesystem::path& path);

}  // namespace reeve
