// Precompiled for tests from aio/ upwards: Asio's, and gtest.
#pragma once
#include "pch_aio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
