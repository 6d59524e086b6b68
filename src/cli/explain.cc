#include <algorithm>
#include <ostream>

#include "base/near_names.h"
#include "cli/commands.h"
#include "cli/error_pages.h"

namespace reeve::cli {
namespace {

/// What the code means: the first paragraph behind the title and the line of numbers.
std::string meaning(std::string_view page) {
  for (int skipped = 0; skipped < 2; ++skipped) {
    const auto end = page.find("\n\n");
    if (end == std::string_view::npos) return {};
    page.remove_prefix(end + 2);
  }
  std::string text(page.substr(0, page.find("\n\n")));
  std::ranges::replace(text, '\n', ' ');
  return text;
}

class Explain final : public Command {
  void declare(Options& options) override {
    options.positional("CODE", code_, "An error's code; all of them if absent", false);
  }

  Status run(Session& session) override {
    if (code_.empty()) return list(session);
    const auto page = std::ranges::find(error_pages(), code_, &ErrorPage::name);
    if (page == error_pages().end())
      return fail(Errc::not_found, "no error code " + code_ + hint());
    if (session.json) {
      const auto& code = describe(errc_from_name(page->name));
      session.print(write_json({{"code", code.name},
                                {"exit_status", code.exit_code},
                                {"http_status", code.http_status},
                                {"rpc_code", code.rpc_code},
                                {"page", page->text}}));
    } else {
      session.out << page->text;
    }
    return {};
  }

  static Status list(Session& session) {
    if (session.json) {
      json::array codes;
      for (const auto& code : error_codes()) {
        codes.push_back({{"code", code.name},
                         {"exit_status", code.exit_code},
                         {"http_status", code.http_status},
                         {"rpc_code", code.rpc_code}});
      }
      session.print(write_json(codes));
      return {};
    }
    Table table;
    table.row({session.paint(Colour::dim, "CODE"), session.paint(Colour::dim, "EXIT"),
               session.paint(Colour::dim, "HTTP"), session.paint(Colour::dim, "MEANING")});
    for (const auto& code : error_codes()) {
      const auto page = std::ranges::find(error_pages(), code.name, &ErrorPage::name);
      table.row({session.paint(Colour::bold, code.name), std::to_string(code.exit_code),
                 std::to_string(code.http_status),
                 page == error_pages().end() ? "" : one_line(meaning(page->text), 72)});
    }
    table.print(session.out);
    return {};
  }

  [[nodiscard]] std::string hint() const {
    std::vector<std::string> names;
    for (const auto& page : error_pages()) names.emplace_back(page.name);
    std::string text;
    for (const auto& near : near_names(code_, names))
      text += (text.empty() ? ": did you mean " : " or ") + near;
    return text.empty() ? " (reeve explain lists them)" : text + "?";
  }

  std::string code_;
};

}  // namespace

std::unique_ptr<Command> make_explain() { return make_command<Explain>(); }

}  // namespace reeve::cli
