#include "app/library/work.h"

#include "client/requests.h"

namespace reeve::library {
namespace {

Async<Result<std::string>> ask_host(Engine* engine, std::string method, std::string target,
                                    std::string body,
                                    std::optional<std::chrono::milliseconds> timeout) {
  co_return co_await engine->house().host->ask(std::move(method), std::move(target),
                                               std::move(body), timeout);
}

}  // namespace

std::string target_of(std::string_view family, std::string_view name, std::string_view what) {
  auto target = "/v1/" + std::string(family) + "/" + client::escape(name);
  if (!what.empty()) target += "/" + std::string(what);
  return target;
}

Result<std::string> ask(Engine& engine, std::string method, std::string target, std::string body,
                        std::optional<std::chrono::milliseconds> timeout) {
  return engine.call<std::string>([e = &engine, m = std::move(method), t = std::move(target),
                                   b = std::move(body), timeout]() mutable {
    return ask_host(e, std::move(m), std::move(t), std::move(b), timeout);
  });
}

}  // namespace reeve::library
