#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tool/schema.h"
#include "tool/tool.h"

namespace reeve::tool {

/// Tools by name. A copy is cheap and stands on its own: a run has one, with the tools that it may
/// use.
class Registry {
 public:
  struct Entry {
    std::shared_ptr<Tool> tool;
    Schema schema;  ///< of its arguments
  };

  /// conflict: there is one of that name. invalid_argument: a name that not every provider takes,
  /// or an input schema that is none.
  Status add(std::shared_ptr<Tool> tool);
  /// False: there was none of that name.
  bool remove(std::string_view name);

  [[nodiscard]] const Entry* find(std::string_view name) const;
  /// What a model is told of them, in the order in which they were added: the same list gives the
  /// same prompt, which providers cache. Good until the next add() or remove().
  [[nodiscard]] std::span<const ToolDescriptor> descriptors() const { return descriptors_; }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  std::map<std::string, std::shared_ptr<const Entry>, std::less<>> tools_;
  std::vector<ToolDescriptor> descriptors_;
};

}  // namespace reeve::tool
