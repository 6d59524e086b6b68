#include "llm/settings.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "base/limits.h"
#include "base/near_names.h"
#include "net/url.h"

namespace reeve::llm {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kOpenAiHost = "api.openai.com";

struct OpenAiForm {
  std::string kind;
  std::optional<std::string> base_url;
  std::string model;
  std::optional<std::string> api_key_env;
  std::optional<std::string> api_key_file;
  std::map<std::string, std::string> headers;
  std::string ca_file;
  bool allow_plain_http = false;
  bool stream = true;
  bool stream_usage = true;
  std::optional<std::string> max_tokens_name;
  int tries = RetryPolicy().tries;
  bool retry_after_text = true;
  std::int64_t timeout_s = 300;
};
BOOST_DESCRIBE_STRUCT(OpenAiForm, (),
                      (kind, base_url, model, api_key_env, api_key_file, headers, ca_file,
                       allow_plain_http, stream, stream_usage, max_tokens_name, tries,
                       retry_after_text, timeout_s))

struct ScriptedForm {
  std::string kind;
  std::optional<std::string> script;
  std::optional<json::value> turns, by, repeat, model;
};
BOOST_DESCRIBE_STRUCT(ScriptedForm, (), (kind, script, turns, by, repeat, model))

/// A path as a person writes it: "~/" is the home folder.
fs::path path_of(const fs::path& root, const std::string& written) {
  const char* home = std::getenv("HOME");
  if (written.starts_with("~/") && home != nullptr) return fs::path(home) / written.substr(2);
  return root / written;
}

std::unexpected<Error> wrong(std::string text) {
  return fail(Errc::invalid_argument, std::move(text));
}

/// Reads a table of which every setting must be known: a slip of the pen would pass unseen.
template <class Form>
Result<Form> read_form(const json::value& table) {
  std::vector<std::string> known;
  boost::mp11::mp_for_each<json_detail::Members<Form>>(
      [&](auto member) { known.emplace_back(member.name); });
  for (const auto& member : table.get_object()) {
    const std::string key(member.key());
    if (std::ranges::find(known, key) != known.end()) continue;
    auto text = "there is no setting \"" + key + "\"";
    const auto near = near_names(key, known);
    if (!near.empty()) text += "; did you mean " + near.front() + "?";
    return wrong(std::move(text));
  }
  return from_json<Form>(table);
}

Result<Secret> read_key(const OpenAiForm& form, const fs::path& root) {
  if (form.api_key_env) return secret_from_variable(*form.api_key_env);
  if (form.api_key_file) return secret_from_file(path_of(root, *form.api_key_file));
  // Nobody else's server gets the variable that everybody has.
  if (!form.base_url) return secret_from_variable("OPENAI_API_KEY");
  return Secret();
}

Result<ProviderPlan> read_openai(std::string_view name, const json::value& table,
                                 const fs::path& root) {
  auto form = read_form<OpenAiForm>(table);
  if (!form) return fail(form.error());
  if (form->api_key_env && form->api_key_file)
    return wrong("either api_key_env or api_key_file, not both");
  OpenAiPlan plan;
  auto& settings = plan.settings;
  settings.name = name;
  settings.model = std::move(form->model);
  settings.key = read_key(*form, root);
  if (form->base_url) settings.base_url = *form->base_url;
  const auto url = net::read_url(settings.base_url);
  if (!url) return fail(json_detail::inside("base_url", url.error()));
  const bool has_key = form->api_key_env || form->api_key_file;
  if (has_key && !url->tls && !url->loopback() && !form->allow_plain_http) {
    return wrong(
        "base_url is http, so anybody on the way could read the key; use https, or say "
        "allow_plain_http = true");
  }
  for (auto& [header, value] : form->headers) settings.headers.emplace_back(header, value);
  if (auto sendable = net::encode_head("POST", "/", settings.headers); !sendable)
    return fail(json_detail::inside("headers", sendable.error()));
  settings.form.stream = form->stream;
  settings.form.stream_usage = form->stream_usage;
  // Its newer models refuse the older name, which is the only one that many others know.
  const auto* usual = url->host == kOpenAiHost ? "max_completion_tokens" : "max_tokens";
  settings.form.max_tokens = form->max_tokens_name.value_or(usual);
  if (form->tries < 1 || form->tries > limits::kProviderTries)
    return wrong("tries is from 1 to " + std::to_string(limits::kProviderTries));
  settings.retry.tries = form->tries;
  settings.retry.after_text = form->retry_after_text;
  constexpr std::int64_t kDay = 86'400;
  if (form->timeout_s < 1 || form->timeout_s > kDay)
    return wrong("timeout_s is from 1 to " + std::to_string(kDay));
  settings.timeout = std::chrono::seconds(form->timeout_s);
  if (!form->ca_file.empty()) plan.ca_file = path_of(root, form->ca_file).string();
  return plan;
}

Result<json::value> read_script_file(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return fail(os_error(error.value(), "read " + path.string()));
  if (size > limits::kScriptFile) return fail(Errc::too_large, path.string() + " is too large");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return fail(Errc::unavailable, "cannot read " + path.string());
  auto value = parse_json(text);
  if (!value) return fail(value.error().during(path.string()));
  return value;
}

Result<ProviderPlan> read_scripted(const json::value& table, const fs::path& root) {
  const auto form = read_form<ScriptedForm>(table);
  if (!form) return fail(form.error());
  if (!form->script) {
    auto script = read_script(table);
    if (!script) return fail(script.error());
    return ProviderPlan(std::move(*script));
  }
  if (form->turns || form->by || form->repeat || form->model)
    return wrong("the script's file says all of it: turns, by, repeat and model belong there");
  const auto path = path_of(root, *form->script);
  const auto value = read_script_file(path);
  if (!value) return fail(value.error());
  auto script = read_script(*value);
  if (!script) return fail(script.error().during(path.string()));
  return ProviderPlan(std::move(*script));
}

}  // namespace

Result<ProviderPlan> read_provider(std::string_view name, const json::value& table,
                                   const fs::path& root) {
  const auto place = "providers." + std::string(name);
  if (!table.is_object()) return wrong(place + ": expected a table");
  const auto* kind = table.get_object().if_contains("kind");
  const std::string said =
      kind != nullptr && kind->is_string() ? std::string(kind->get_string()) : std::string();
  Result<ProviderPlan> plan = wrong("kind is either \"openai\" or \"scripted\"");
  if (said == "openai") plan = read_openai(name, table, root);
  if (said == "scripted") plan = read_scripted(table, root);
  if (!plan) return fail(plan.error().during(place));
  return plan;
}

Result<Registry> make_registry(const json::object& providers, const fs::path& root, Env& env,
                               const aio::asio::any_io_executor& executor) {
  Registry registry;
  // One client for those that trust the same authorities: they share kept connections.
  std::map<std::string, std::shared_ptr<Transport>> transports;
  for (const auto& member : providers) {
    std::string name(member.key());
    auto plan = read_provider(name, member.value(), root);
    if (!plan) return fail(plan.error());
    std::shared_ptr<Provider> provider;
    if (auto* script = std::get_if<Script>(&*plan)) {
      provider = std::make_shared<ScriptedProvider>(name, env, std::move(*script));
    } else {
      auto& server = std::get<OpenAiPlan>(*plan);
      auto& transport = transports[server.ca_file];
      if (!transport) {
        net::HttpClientOptions options;
        options.ca_file = server.ca_file;
        options.body_limit = limits::kModelAnswer;
        transport = make_http_transport(executor, std::move(options));
      }
      provider =
          std::make_shared<openai::OpenAiProvider>(std::move(server.settings), env, transport);
    }
    if (auto added = registry.add(std::move(provider)); !added) return fail(added.error());
  }
  return registry;
}

}  // namespace reeve::llm
