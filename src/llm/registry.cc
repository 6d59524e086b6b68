#include "llm/registry.h"

#include <utility>

#include "base/near_names.h"

namespace reeve::llm {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

Status Registry::add(std::shared_ptr<Provider> provider) {
  std::string name(provider->name());
  if (providers_.contains(name))
    return fail(Errc::conflict, "there is a provider \"" + name + "\" already");
  providers_.emplace(std::move(name), std::move(provider));
  return {};
}

void Registry::put(std::shared_ptr<Provider> provider) {
  std::string name(provider->name());
  providers_[std::move(name)] = std::move(provider);
}

Result<std::shared_ptr<Provider>> Registry::find(std::string_view name) const {
  const auto found = providers_.find(name);
  if (found != providers_.end()) return found->second;
  auto text = "no provider \"" + std::string(name) + "\": ";
  const auto all = names();
  const auto near = near_names(name, all);
  if (all.empty()) {
    text += "none is set up; [providers.NAME] in the town's settings does it";
  } else if (!near.empty()) {
    text += "did you mean " + list_of(near) + "?";
  } else {
    text += "there are " + list_of(all);
  }
  return fail(Errc::not_found, std::move(text));
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> out;
  out.reserve(providers_.size());
  for (const auto& [name, provider] : providers_) out.push_back(name);
  return out;
}

}  // namespace reeve::llm
