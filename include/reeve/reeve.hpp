#pragma once

// All of the library's public face.
#include "reeve/agents.hpp"
#include "reeve/config.hpp"
#include "reeve/control.hpp"
#include "reeve/event.hpp"
#include "reeve/listener.hpp"
#include "reeve/messages.hpp"
#include "reeve/provider.hpp"
#include "reeve/result.hpp"
#include "reeve/run.hpp"
#include "reeve/session.hpp"
#include "reeve/tasks.hpp"
#include "reeve/tool.hpp"
#include "reeve/town.hpp"
