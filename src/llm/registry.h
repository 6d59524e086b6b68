#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "llm/provider.h"

namespace reeve::llm {

/// Providers by name. Domain thread only.
class Registry {
 public:
  /// conflict: there is one of that name.
  Status add(std::shared_ptr<Provider> provider);
  /// Puts it in the place of the one of its name, if there is one: who has that one keeps it until
  /// its call is over.
  void put(std::shared_ptr<Provider> provider);

  /// not_found: none of that name; the text names those that are nearly called so, or all.
  [[nodiscard]] Result<std::shared_ptr<Provider>> find(std::string_view name) const;
  /// In alphabetical order.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, std::shared_ptr<Provider>, std::less<>> providers_;
};

}  // namespace reeve::llm
