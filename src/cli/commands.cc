#include "cli/commands.h"

#include <array>

namespace reeve::cli {

std::span<const Entry> commands() {
  static constexpr std::array kCommands{
      Entry{"spawn", "Add an agent to the town",
            "  reeve spawn ada                       # the town's default CLI\n"
            "  reeve spawn bob --cli codex --permissions bypass\n"
            "  reeve spawn lint --cli \"./lint.sh --fix\"  # any command; it reads its prompt from "
            "standard input\n",
            make_spawn},
      Entry{"assign", "Give an agent a task",
            "  reeve assign ada \"fix the failing test in src/parser\"\n"
            "  reeve assign ada - < task.md\n",
            make_assign},
      Entry{"send", "Send a message to an agent or the supervisor",
            "  reeve send ada \"also update the changelog\"\n"
            "  reeve send ada --query \"which branch are you on?\"\n"
            "  reeve send supervisor --info \"the build is green\"\n",
            make_send},
      Entry{"emit", "Ask a model or an agent, and print the answer",
            "  reeve emit gpt \"one sentence about rivers\"     # [providers.gpt] of the settings\n"
            "  reeve emit ada \"which branch are you on?\"      # an agent, by its inbox\n"
            "  reeve emit gpt --session SESSION \"and one about lakes\"\n"
            "  git diff | reeve emit gpt --system \"You review code.\" -\n",
            make_emit},
      Entry{"run show", "One run: its state, and what it said", "  reeve run show RUN\n",
            make_run_show},
      Entry{"run wait", "Wait for a run's end", "  reeve run wait RUN --timeout 600\n",
            make_run_wait},
      Entry{"run cancel", "End a run", "  reeve run cancel RUN\n", make_run_cancel},
      Entry{"status", "The town at a glance", "  reeve status\n  reeve status --json\n",
            make_status},
      Entry{"list", "The agents", "  reeve list\n", make_list},
      Entry{"inbox", "What waits for an agent, or for you",
            "  reeve inbox          # the supervisor's: yours\n  reeve inbox ada\n", make_inbox},
      Entry{"events", "What happened, and what happens",
            "  reeve events                          # the newest\n"
            "  reeve events --follow --scope agent:ada\n"
            "  reeve events --json --after CURSOR    # go on where you left off\n",
            make_events},
      Entry{"history", "What happened, in sentences: the newest facts of the town, oldest first",
            "  reeve history                         # the newest 30\n"
            "  reeve history -n 100 --agent ada\n"
            "  reeve history --scope task:3fa2 --json\n",
            make_history},
      Entry{"activity", "What an agent did: its rounds, tasks, messages, states",
            "  reeve activity ada\n  reeve activity ada -n 50\n", make_activity},
      Entry{"replay", "The town as it was at any moment, folded from its log",
            "  reeve replay --until 10m              # as it was ten minutes ago\n"
            "  reeve replay --until CURSOR --json    # with every document of that moment\n"
            "  reeve replay --speed 10 --scope agent:ada\n",
            make_replay},
      Entry{"task list", "Tasks, newest first", "  reeve task list --state open\n", make_task_list},
      Entry{"task show", "One task", "  reeve task show 3fa2\n", make_task_show},
      Entry{"task current", "What an agent works on",
            "  reeve task current        # inside a round: your own\n", make_task_current},
      Entry{"task complete", "Report a task as done",
            "  reeve task complete 3fa2 --result \"fixed in 1a2b3c\"\n", make_task_complete},
      Entry{"task fail", "Report a task as failed",
            "  reeve task fail 3fa2 \"the library is missing\"\n", make_task_fail},
      Entry{"task progress", "Report that a task goes on",
            "  reeve task progress 3fa2 \"half of the tests pass\"\n", make_task_progress},
      Entry{"wait", "Wait for an agent or a task",
            "  reeve wait ada                        # until it has nothing left to do\n"
            "  reeve wait --task 3fa2 --timeout 600  # exits 5 when that is not enough\n",
            make_wait},
      Entry{"logs", "What an agent's CLI wrote, as it was written",
            "  reeve logs ada\n  reeve logs ada --stderr\n", make_logs},
      Entry{"webhook add", "Have a URL told of events",
            "  reeve webhook add https://example.org/hook --kind TaskCompleted --kind TaskFailed\n"
            "  reeve webhook add http://localhost:8080/ --scope agent:ada\n",
            make_webhook_add},
      Entry{"webhook list", "The webhooks, and how their deliveries stand",
            "  reeve webhook list\n", make_webhook_list},
      Entry{"webhook test", "Send a webhook a test event now", "  reeve webhook test 3fa2\n",
            make_webhook_test},
      Entry{"webhook dead", "Deliveries that were given up",
            "  reeve webhook dead 3fa2\n  reeve webhook dead 3fa2 --retry\n", make_webhook_dead},
      Entry{"webhook enable", "Tell a disabled webhook again, from where it was",
            "  reeve webhook enable 3fa2\n", make_webhook_enable},
      Entry{"webhook remove", "Remove a webhook, with all that waits for it",
            "  reeve webhook remove 3fa2\n", make_webhook_remove},
      Entry{"retention", "What the log keeps, and what would go",
            "  reeve retention                       # set it in .reeve/town.toml: [retention]\n"
            "  reeve retention --json\n",
            make_retention},
      Entry{"retention sweep", "Remove now what is over the limits", "  reeve retention sweep\n",
            make_retention_sweep},
      Entry{"kill", "Stop an agent and its run", "  reeve kill ada\n", make_kill},
      Entry{"stop", "Stop the town's daemon",
            "  reeve stop            # rounds are ended in stages, their messages go back\n"
            "  reeve stop --drain    # rounds finish first; another `reeve stop` waits no longer\n"
            "  reeve stop --daemon   # rounds go on without it\n",
            make_stop},
      Entry{"towns", "The towns of this user, and which run",
            "  reeve towns            # starts no daemon\n"
            "  reeve towns --prune    # forget those whose folder is gone\n",
            make_towns},
      Entry{"config", "The town's settings: show, set, unset",
            "  reeve config                          # all, and where each comes from\n"
            "  reeve config default_cli              # one, bare\n"
            "  reeve config agents.silence 5m        # in .reeve/town.toml; comments stay\n"
            "  reeve config --unset agents.silence\n",
            make_config},
      Entry{"completion", "What a shell needs to complete commands, options and agents",
            "  source <(reeve completion bash)       # in ~/.bashrc\n"
            "  reeve completion zsh > ~/.zfunc/_reeve\n"
            "  reeve completion fish | source\n",
            make_completion},
      Entry{"__complete", "What may stand next on a command line", "", make_complete, true},
      Entry{"man", "The manual page of all commands, in roff", "  reeve man | man -l -\n",
            make_man},
      Entry{"explain", "What an error's code means, and what to do",
            "  reeve explain             # all codes\n  reeve explain fenced\n", make_explain},
      Entry{"version", "This program's version, and the daemon's", "", make_version},
  };
  return kCommands;
}

}  // namespace reeve::cli
