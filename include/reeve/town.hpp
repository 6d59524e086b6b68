#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "reeve/agents.hpp"
#include "reeve/control.hpp"
#include "reeve/event.hpp"
#include "reeve/listener.hpp"
#include "reeve/messages.hpp"
#include "reeve/provider.hpp"
#include "reeve/run.hpp"
#include "reeve/session.hpp"
#include "reeve/tasks.hpp"
#include "reeve/tool.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  struct OpenOptions {
    /// A town's folder, made one if it is none. The store is where its town.toml says: by itself
    /// FOLDER/.reeve/town.db, or a Redis; the providers of its town.toml are there. Empty: the town
    /// is where `store` says, or in memory, gone with the town.
    std::string folder;
    /// Of a new town; empty: after the folder. Without a folder, of the town on Redis.
    std::string name;
    /// A Redis (docs/redis.md): redis://HOST:PORT/DATABASE, rediss:// (TLS), unix:///PATH. With a
    /// folder that is to become a town's: its store from now on; a town of that name that is there
    /// already is opened if `name` gives it. With a town's folder: the same as its town.toml says.
    /// Without a folder: the town `name` there, made if it is not; what this machine knows of it
    /// (the lock, the witness) lies in ~/.local/state/reeve/redis.
    std::string store;
    /// The variable, or the file (0600; in a folder's town from .reeve on), that holds the
    /// password, if it is not in the URL.
    std::string store_password_env;
    std::string store_password_file;
    /// Redis' settings cannot be looked at (CONFIG is denied), and give the durability all the
    /// same.
    bool store_settings_asserted = false;
    /// What an acknowledged commit has survived: "disk" (a power cut), "os" (a killed process; a
    /// power cut may take the last commits), "memory" (nothing; fast, for tests). On Redis "disk",
    /// "everysec" (a killed redis-server may take the last second), "memory"; its settings must
    /// give it. Empty: what the folder's town.toml says, "disk" where it says nothing.
    std::string store_durability;
    Durability durability = Durability::compacted;  ///< of runs that do not say
    /// Takes out of what runs say what must not be kept or shown: given an event's kind and its
    /// payload (JSON: an object), answers the payload to keep. Of a conversation's messages the
    /// kind is "MessagesAppended", and what the model is shown meanwhile stays whole. What is no
    /// JSON object is kept as {"redacted":true}. Called on the town's own thread: it is quick, and
    /// asks the town nothing. Empty: nothing is taken out.
    std::function<std::string(const std::string& kind, const std::string& payload)> redact;
    std::size_t blocking_threads = 8;  ///< for tools and the program's own providers
    std::size_t handler_threads = 64;  ///< of all listeners together, at most
  };

  struct ConnectOptions {
    /// Where to look for the town, in it and in the folders above. Empty: the current folder.
    std::string folder;
    /// The `reeve` program that serves the town, started once if no daemon runs. Empty: none is
    /// started, and without one everything is `unavailable`.
    std::string program;
    std::chrono::milliseconds patience{30'000};  ///< for a daemon that is away
    std::size_t handler_threads = 64;            ///< of all listeners together, at most
  };

  /// A town: its log, its runs, its listeners. Any thread may call it, several at a time.
  ///
  /// One that was opened lives in this process, on a thread of its own, and has its store to
  /// itself. One that is connected lives in a daemon, for any number of programs; agents can be
  /// asked there, too. Both have the same functions.
  class REEVE_API Town {
   public:
    /// Runs that an earlier process left unfinished are failed with the code `interrupted`.
    /// conflict: another process has the store open, here or, on Redis, anywhere; the text says
    /// who: connect() asks a daemon. denied, unsupported: a Redis that does not give the
    /// durability, or is too old; unavailable: it is away; corrupt: it has lost what it had
    /// acknowledged.
    ///
    /// On Redis the town is held by a lease. Who was away from Redis for so long that another one
    /// has taken the town gets `fenced` for everything: runs are stopped, listeners end. While
    /// Redis is away calls wait for up to ten seconds and are `unavailable` then.
    static Result<Town> open(OpenOptions options = {});
    /// The town of a folder, through its daemon's socket. Where the daemon is killed and comes
    /// back, calls wait, and listeners go on behind their last event; deltas of that time are
    /// missing. not_found: there is no town. unavailable: no daemon. Tools and providers of this
    /// program's own are `unsupported`: those of the town's settings are there.
    static Result<Town> connect(ConnectOptions options = {});
    Town(Town&&) noexcept;
    Town& operator=(Town&&) noexcept;
    /// Cancels what runs here and waits for its end, stops the listeners, closes the store; in a
    /// daemon everything goes on. Not within a handler or a tool. Handles that are left answer
    /// `unavailable`.
    ~Town();
    void close();

    // --- Asking
    // -------------------------------------------------------------------------------------

    /// Asks. Answers when the run has begun (its start is committed), or waits for its turn behind
    /// an earlier run of its session, or is in its agent's inbox. cancelled: the control was
    /// cancelled before. not_found: no such provider, agent, model, session or tool. conflict: the
    /// client request id with another request.
    Result<Run> emit(EmitRequest request, Control control = {});
    /// The same with a function that sets up the call before it begins: it is given the session
    /// (with its id, if one is named here) and the control.
    using Configure = std::function<EmitRequest(Session&, Control&)>;
    Result<Run> emit(const Configure& configure, const std::string& session = {});
    /// A run that goes on, or is over. Its events come from its beginning. not_found.
    Result<Run> find_run(const std::string& id);

    // --- Agents and their work
    // ------------------------------------------------------------------------

    [[nodiscard]] Agents agents();
    [[nodiscard]] Tasks tasks();
    [[nodiscard]] Messages messages();

    // --- Following
    // ----------------------------------------------------------------------------------

    /// Calls the handler for each event from now on, or from where the options say. The control's
    /// cancel() stops the listener.
    Result<Listener> on(OnOptions options, Handler handler, Control control = {});
    /// A page of what happened, oldest first, behind the cursor (empty: from the beginning); at
    /// most 1000 events. cursor_expired, cursor_foreign.
    Result<EventPage> events(const std::string& after, const EventFilter& filter = {},
                             std::size_t limit = 100);
    /// The log's end, now.
    [[nodiscard]] Result<std::string> cursor();

    // --- Data
    // ---------------------------------------------------------------------------------------

    [[nodiscard]] Session session(std::string id);
    /// Data that every call's control sees.
    [[nodiscard]] Control& shared();

    // --- Tools and models
    // ---------------------------------------------------------------------------

    /// For runs that begin after it. conflict: there is one of that name. invalid_argument: the
    /// name, or the schema.
    Status add_tool(ToolSpec spec, ToolFunction function);
    /// A model of the program's own; one of the same name is replaced for calls to come.
    Status add_provider(std::string name, std::string default_model, ModelFunction function);
    /// A model as `[providers.NAME]` of a town's settings sets one up (docs/providers.md), as a
    /// JSON object: R"({"kind":"openai","base_url":"http://localhost:8000/v1","model":"m"})" for
    /// any server of OpenAI's kind. Relative paths in it begin at the current folder.
    /// invalid_argument.
    Status configure_provider(std::string name, const std::string& settings_json);
    /// A model that says what a script says: docs/providers.md. For tests and demonstrations.
    Status add_scripted_provider(std::string name, const std::string& script_json);

   private:
    explicit Town(std::shared_ptr<library::Engine> engine);
    std::shared_ptr<library::Engine> engine_;
  };

}  // namespace v1
}  // namespace reeve
