#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/secret.h"
#include "llm/openai/reader.h"
#include "llm/openai/request.h"
#include "llm/provider.h"
#include "llm/retry.h"
#include "llm/transport.h"

namespace reeve::llm::openai {

struct Settings {
  std::string name;
  std::string base_url = "https://api.openai.com/v1";  ///< before "/chat/completions"
  std::string model;
  /// An error: no call is made, and its text is the answer. An empty one: the server wants none.
  Result<Secret> key = Secret();
  net::Headers headers;  ///< beside our own
  Form form;
  RetryPolicy retry;
  /// Until an answer comes, or, of a stream, its next piece. Models that think are silent for long.
  Duration timeout{300'000};
};

/// A server that speaks OpenAI's chat completions.
class OpenAiProvider final : public Provider {
 public:
  /// `env` outlives it.
  OpenAiProvider(Settings settings, Env& env, std::shared_ptr<Transport> transport);

  [[nodiscard]] std::string_view name() const override { return settings_.name; }
  [[nodiscard]] std::string_view default_model() const override { return settings_.model; }
  Async<ChatResult> chat(const ChatRequest& request, OnEvent on_event) override;

 private:
  Async<ChatResult> ask(net::OutgoingRequest request, Reader& reader, const OnEvent& on_event);
  [[nodiscard]] net::OutgoingRequest post(std::string body) const;
  [[nodiscard]] ProviderError trouble_on_the_way(const Error& error, const Reader& reader) const;
  /// The provider's name before its text.
  [[nodiscard]] ProviderError named(const ProviderError& error) const;

  Settings settings_;
  Env& env_;
  std::shared_ptr<Transport> transport_;
};

}  // namespace reeve::llm::openai
