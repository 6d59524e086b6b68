#include "cli/commands.h"

#include <array>

namespace reeve::cli {

std::span<const Entry> commands() {
  static constexpr std::array kCommands{
      Entry{"spawn", "Add an agent to the town",
            "  reeve spawn ada                       # the town's default CLI\n"
            "  reeve spawn bob --cli codex --permissions bypass\n"
            "  reeve spawn eve --mode forked_context --session ada   # knows what ada knows\n"
            "  reeve spawn lint --cli \"./lint.sh --fix\"  # any command; it reads its prompt from "
            "standard input\n",
            make_spawn},
      Entry{"assign", "Give an agent a task",
            "  reeve assign ada \"fix the failing test in src/parser\"\n"
            "  reeve assign ada - < task.md\n"
            "  reeve assign bob --after 3fa2 --priority high --notify \"review what ada did\"\n",
            make_assign},
      Entry{"send", "Send a message to an agent or the supervisor",
            "  reeve send ada \"also update the changelog\"\n"
            "  reeve send ada --query \"which branch are you on?\"\n"
            "  reeve send supervisor --info \"the build is green\"\n"
            "  reeve send ada --now \"stop: the branch is frozen\"  # interrupts its round\n"
            "  reeve send ada --type status_request  # the town answers, no round is needed\n",
            make_send},
      Entry{"broadcast", "Send a message to every agent that takes work",
            "  reeve broadcast --info \"main is frozen until noon\"\n", make_broadcast},
      Entry{"ask", "Ask an agent or the supervisor, and wait for the answer",
            "  reeve ask ada \"which branch are you on?\"\n"
            "  reeve ask ada \"how far are you?\" --timeout 60  # exits 5 when that is not enough\n"
            "  reeve ask --wait ID                   # goes on waiting\n",
            make_ask},
      Entry{"reply", "Answer a message that you were sent", "  reeve reply 3fa2 \"yes, on main\"\n",
            make_reply},
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
      Entry{"status", "The town at a glance, or one agent in full",
            "  reeve status\n  reeve status ada\n  reeve status --json\n", make_status},
      Entry{"list", "The agents",
            "  reeve list\n  reeve list --state error\n  reeve list --open --all\n", make_list},
      Entry{"result", "The result of the last task that an agent completed", "  reeve result ada\n",
            make_result},
      Entry{"inbox", "What waits for an agent, or for you",
            "  reeve inbox          # the supervisor's: yours\n  reeve inbox ada --full\n"
            "  reeve inbox --all    # every inbox in which something waits\n",
            make_inbox},
      Entry{"inbox show", "One message, whole", "  reeve inbox show 3fa2\n", make_inbox_show},
      Entry{"inbox done", "Take out what you are done with",
            "  reeve inbox done 3fa2 81c0\n  reeve inbox done --all\n"
            "  reeve inbox done --all --agent ada  # its dead letters, and what cannot be read\n",
            make_inbox_done},
      Entry{"inbox retry", "Put a dead letter back into its inbox", "  reeve inbox retry 3fa2\n",
            make_inbox_retry},
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
      Entry{"task list", "Tasks, newest first",
            "  reeve task list --state open\n  reeve task list --agent ada --tag ui --all\n",
            make_task_list},
      Entry{"task show", "One task", "  reeve task show 3fa2\n", make_task_show},
      Entry{"task current", "What an agent works on",
            "  reeve task current        # inside a round: your own\n", make_task_current},
      Entry{"task complete", "Report a task as done",
            "  reeve task complete 3fa2 --result \"fixed in 1a2b3c\"\n", make_task_complete},
      Entry{"task fail", "Report a task as failed",
            "  reeve task fail 3fa2 \"the library is missing\"\n", make_task_fail},
      Entry{"task progress", "Report that a task goes on",
            "  reeve task progress 3fa2 \"half of the tests pass\"\n", make_task_progress},
      Entry{"task result", "What came of a task", "  reeve task result 3fa2\n", make_task_result},
      Entry{"task create", "Add a task to the backlog",
            "  reeve task create --tag backend \"the API counts from zero\"\n", make_backlog_add},
      Entry{"task start", "Take another of your tasks in hand",
            "  reeve task start 3fa2     # inside a round; what was in hand is put aside\n",
            make_task_start},
      Entry{"task cancel", "Call a task off; a round that carries it is stopped",
            "  reeve task cancel 3fa2 --reason \"not needed any more\"\n", make_task_cancel},
      Entry{"task requeue", "Take a task from its agent, into the backlog",
            "  reeve task requeue 3fa2\n", make_task_requeue},
      Entry{"task retry", "Open a failed or cancelled task again",
            "  reeve task retry 3fa2             # by the agent that had it\n"
            "  reeve task retry 3fa2 --to bob\n",
            make_task_retry},
      Entry{"backlog add", "Add a task that is nobody's yet",
            "  reeve backlog add --tag ui,bug \"the button is blue\"\n"
            "  reeve backlog add --after 3fa2 --priority high \"release it\"\n",
            make_backlog_add},
      Entry{"backlog list", "What is nobody's, in order, and who could take it",
            "  reeve backlog list\n", make_backlog_list},
      Entry{"backlog claim", "Give a task of the backlog to an agent",
            "  reeve backlog claim 3fa2 ada\n"
            "  reeve backlog claim 3fa2          # inside a round: for yourself\n",
            make_backlog_claim},
      Entry{"backlog assign-all", "Give an agent all of the backlog",
            "  reeve backlog assign-all ada\n", make_backlog_assign_all},
      Entry{"backlog remove", "Cancel a task of the backlog", "  reeve backlog remove 3fa2\n",
            make_backlog_remove},
      Entry{"wait", "Wait for an agent or a task",
            "  reeve wait ada                        # until it has nothing left to do\n"
            "  reeve wait ada --state paused\n"
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
      Entry{"recover", "Mend what belongs nowhere, and see who needs you",
            "  reeve recover\n  reeve recover --dry-run    # only say what would be mended\n",
            make_recover},
      Entry{"reclaim", "What waits for agents that have ended, and where it goes",
            "  reeve reclaim                         # lists it\n"
            "  reeve reclaim --from ada --to bob     # all of it, in order\n"
            "  reeve reclaim --to-backlog            # tasks, and work in free text\n"
            "  reeve reclaim --orphan-tasks --cancel\n",
            make_reclaim},
      Entry{"mirror", "How far tinytown's keys in Redis are behind the town",
            "  reeve mirror                          # set it in .reeve/town.toml: [mirror]\n"
            "  reeve mirror --json\n",
            make_mirror},
      Entry{"adopt", "Make an agent of tinytown's the town's, with its mail",
            "  tt kill zed && reeve adopt zed        # its loop ends first\n"
            "  reeve adopt zed --cli claude\n",
            make_adopt},
      Entry{"retention", "What the log keeps, and what would go",
            "  reeve retention                       # set it in .reeve/town.toml: [retention]\n"
            "  reeve retention --json\n",
            make_retention},
      Entry{"retention sweep", "Remove now what is over the limits", "  reeve retention sweep\n",
            make_retention_sweep},
      Entry{"interrupt", "Pause an agent now, mid-round; its work waits",
            "  reeve interrupt ada --reason \"wrong branch\"\n"
            "  reeve resume ada      # it goes on in the same conversation\n",
            make_interrupt},
      Entry{"resume", "Have a paused or parked agent go on", "  reeve resume ada\n", make_resume},
      Entry{"close", "Have an agent finish its round, take nothing more, and stop",
            "  reeve close ada\n  reeve close ada --wait\n", make_close},
      Entry{"kill", "Stop an agent and its run, or all of them",
            "  reeve kill ada\n  reeve kill --all\n", make_kill},
      Entry{"restart", "Have an agent that is stopped, or in error, work again",
            "  reeve restart ada\n"
            "  reeve restart ada --rounds 10 --fresh  # a new limit, a new conversation\n",
            make_restart},
      Entry{"prune", "Take agents that are over out of the town; their names are free again",
            "  reeve prune ada bob\n"
            "  reeve prune --all               # whoever is stopped or in error\n"
            "  reeve prune ada --requeue       # what it had to do goes to the backlog\n",
            make_prune},
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
