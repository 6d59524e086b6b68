// A model with a tool. The model is a function here; a real one is asked in just the same way.
#include <reeve/reeve.hpp>

#include <iostream>
#include <iterator>
#include <sstream>

namespace {

// May block: it has a thread of its own. What it returns as an error, the model reads.
reeve::Result<reeve::ToolAnswer> count_words(const reeve::ToolCall& call) {
  const auto text = call.arguments.find(R"("text":")");  // a program has a JSON library of its own
  if (text == std::string::npos)
    return reeve::Error{reeve::Code::invalid_argument, "say which text"};
  std::istringstream words(call.arguments.substr(text + 8));
  const auto count = std::distance(std::istream_iterator<std::string>(words), {});
  return reeve::ToolAnswer::text(std::to_string(count));
}

// First it has the words counted, then it says how many there are.
reeve::Result<reeve::ModelAnswer> model(const reeve::ModelRequest& request, reeve::Stream& say) {
  reeve::ModelAnswer answer;
  const auto& last = request.messages.back();
  if (last.role == "user") {
    answer.tool_calls.push_back({"call-1", "count_words", R"({"text":")" + last.text + "\"}"});
    return answer;
  }
  answer.text = "There are " + last.text + " words.";
  say.text(answer.text);
  return answer;
}

}  // namespace

int main() try {
  auto town = reeve::Town::open().value();
  town.add_provider("counter", "counter-1", model).value();

  reeve::ToolSpec tool;
  tool.name = "count_words";
  tool.description = "Counts the words of a text";
  tool.input_schema =
      R"({"type":"object","required":["text"],"properties":{"text":{"type":"string"}}})";
  town.add_tool(tool, count_words).value();

  auto run = town.emit(reeve::EmitRequest::ask("counter", "the quick brown fox")).value();
  for (const auto& event : run.events()) std::cout << event.kind << '\n';
  std::cout << run.wait().value().text << '\n';
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
