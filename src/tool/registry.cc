#include "tool/registry.h"

#include <utility>

namespace reeve::tool {

Status Registry::add(std::shared_ptr<Tool> tool) {
  const auto& descriptor = tool->descriptor();
  if (auto named = check_tool_name(descriptor.name); !named) return named;
  if (tools_.contains(descriptor.name))
    return fail(Errc::conflict, "there is a tool \"" + descriptor.name + "\" already");
  auto schema = Schema::read(descriptor.input_schema);
  if (!schema) return fail(schema.error().during("tool " + descriptor.name + ": input_schema"));
  descriptors_.push_back(descriptor);
  tools_.emplace(descriptor.name,
                 std::make_shared<const Entry>(std::move(tool), std::move(*schema)));
  return {};
}

bool Registry::remove(std::string_view name) {
  const auto found = tools_.find(name);
  if (found == tools_.end()) return false;
  std::erase_if(descriptors_, [&](const ToolDescriptor& one) { return one.name == name; });
  tools_.erase(found);
  return true;
}

const Registry::Entry* Registry::find(std::string_view name) const {
  const auto found = tools_.find(name);
  return found == tools_.end() ? nullptr : found->second.get();
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> out;
  out.reserve(descriptors_.size());
  for (const auto& descriptor : descriptors_) out.push_back(descriptor.name);
  return out;
}

}  // namespace reeve::tool
