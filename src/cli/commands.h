#pragma once

#include "cli/command.h"

/// Each command's maker; the files beside this one hold them, one subject each.
namespace reeve::cli {

std::unique_ptr<Command> make_spawn();
std::unique_ptr<Command> make_list();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_result();
std::unique_ptr<Command> make_logs();
std::unique_ptr<Command> make_wait();

std::unique_ptr<Command> make_kill();
std::unique_ptr<Command> make_interrupt();
std::unique_ptr<Command> make_resume();
std::unique_ptr<Command> make_close();
std::unique_ptr<Command> make_restart();
std::unique_ptr<Command> make_prune();

std::unique_ptr<Command> make_assign();
std::unique_ptr<Command> make_task_show();
std::unique_ptr<Command> make_task_list();
std::unique_ptr<Command> make_task_current();
std::unique_ptr<Command> make_task_complete();
std::unique_ptr<Command> make_task_fail();
std::unique_ptr<Command> make_task_progress();
std::unique_ptr<Command> make_task_result();
std::unique_ptr<Command> make_task_start();
std::unique_ptr<Command> make_task_cancel();
std::unique_ptr<Command> make_task_requeue();
std::unique_ptr<Command> make_task_retry();

std::unique_ptr<Command> make_backlog_add();
std::unique_ptr<Command> make_backlog_list();
std::unique_ptr<Command> make_backlog_claim();
std::unique_ptr<Command> make_backlog_assign_all();
std::unique_ptr<Command> make_backlog_remove();

std::unique_ptr<Command> make_send();
std::unique_ptr<Command> make_broadcast();
std::unique_ptr<Command> make_ask();
std::unique_ptr<Command> make_reply();
std::unique_ptr<Command> make_inbox();
std::unique_ptr<Command> make_inbox_show();
std::unique_ptr<Command> make_inbox_done();
std::unique_ptr<Command> make_inbox_retry();

std::unique_ptr<Command> make_events();
std::unique_ptr<Command> make_replay();

std::unique_ptr<Command> make_emit();
std::unique_ptr<Command> make_run_show();
std::unique_ptr<Command> make_run_wait();
std::unique_ptr<Command> make_run_cancel();

std::unique_ptr<Command> make_webhook_add();
std::unique_ptr<Command> make_webhook_list();
std::unique_ptr<Command> make_webhook_enable();
std::unique_ptr<Command> make_webhook_remove();
std::unique_ptr<Command> make_webhook_test();
std::unique_ptr<Command> make_webhook_dead();

std::unique_ptr<Command> make_recover();
std::unique_ptr<Command> make_reclaim();

std::unique_ptr<Command> make_mirror();
std::unique_ptr<Command> make_adopt();
std::unique_ptr<Command> make_retention();
std::unique_ptr<Command> make_retention_sweep();

std::unique_ptr<Command> make_history();
std::unique_ptr<Command> make_activity();

std::unique_ptr<Command> make_towns();
std::unique_ptr<Command> make_config();
std::unique_ptr<Command> make_completion();
std::unique_ptr<Command> make_complete();
std::unique_ptr<Command> make_man();

std::unique_ptr<Command> make_stop();
std::unique_ptr<Command> make_version();
std::unique_ptr<Command> make_explain();

}  // namespace reeve::cli
