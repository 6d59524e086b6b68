-- Behind ours.lua. KEYS: the place and the mark. ARGV: log, position and nonce that the place is to hold, the new
-- position, tinytown's prefix, who writes; then operations: a word, how many arguments follow, these (writes.cc).
--
-- What is as it is by now comes first (hashes, lists): where a command of it fails (a right that is missing, memory), the
-- call does, the position stays where it is, and all of it is written again, which changes nothing twice. What is told
-- (streams, activity, broadcasts) comes behind the position: it would be there twice. What fails of it is noted.
local ARGV, call, try, pcall = ARGV, redis.call, redis.pcall, pcall -- found sooner than globals
local place = call('HMGET', KEYS[1], 'log', 'position', 'nonce')
if place[1] ~= ARGV[1] or place[2] ~= ARGV[2] or place[3] ~= ARGV[3] then return { 'moved' } end
if call('GET', KEYS[2]) ~= ARGV[3] then return { 'emptied' } end
local prefix, echo = ARGV[5], ARGV[1] .. ':'

local notes = { 'done' }
local function note(what, key)
  notes[#notes + 1] = what
  notes[#notes + 1] = key
end

-- The first that each operation asks of its key: where that holds another type, the key is left alone, and told.
local function first(command, key, ...)
  local reply = try(command, key, ...)
  local err = type(reply) == 'table' and reply.err
  if not err then return reply end
  if string.sub(err, 1, 9) ~= 'WRONGTYPE' then error(reply, 0) end
  note('type', key)
end

local function push(key, items, from)
  for i = from, #items, 1000 do
    call('RPUSH', key, unpack(items, i, math.min(i + 999, #items)))
  end
end

-- What is ours in the list becomes `wanted`; the rest stays where it is. One that is longer than `most` is left alone:
-- it would hold up everybody.
local function make_list(key, wanted, is_ours, most)
  local length = first('LLEN', key)
  if not length then return end
  if length > most then return note('long', key) end
  local there = call('LRANGE', key, 0, -1)
  local want = {}
  for _, item in ipairs(wanted) do want[item] = true end
  local left, dropped = {}, {}
  for _, item in ipairs(there) do
    if is_ours(item) then
      if want[item] then left[#left + 1] = item else dropped[#dropped + 1] = item end
    end
  end
  local fits = #left <= #wanted and #dropped <= 16
  for i = 1, #left do fits = fits and left[i] == wanted[i] end
  if fits then
    for _, item in ipairs(dropped) do call('LREM', key, 1, item) end
    push(key, wanted, #left + 1)
    return
  end
  local all, put = {}, false
  local function put_ours()
    if put then return end
    put = true
    for _, item in ipairs(wanted) do all[#all + 1] = item end
  end
  for _, item in ipairs(there) do
    if is_ours(item) then put_ours() else all[#all + 1] = item end
  end
  put_ours()
  -- First whether it may: nothing of others' is lost for want of a right.
  call('LTRIM', key, 0, -1)
  push(key, all, 1)
  call('LTRIM', key, #there, -1)
end

local function our_task(id)
  local owned = try('HEXISTS', prefix .. 'task:' .. id, 'reeve_owner')
  return owned == 1
end

local acts, entries = {}, nil
-- key, how, what we write as its guard, how many fields the guard has, how many are cleared; these; then what is set.
function acts.hash(at, last)
  local key, wrote, guards = ARGV[at], ARGV[at + 2], tonumber(ARGV[at + 3])
  local set = at + 5 + guards + ARGV[at + 4]
  local there = first('HMGET', key, 'reeve_wrote', 'reeve_saw', unpack(ARGV, at + 5, set - 1))
  if not there then return end
  -- What tt wrote and was done here is no change of its; what it wrote since is.
  local before, guarded = there[1] and (there[2] and string.match(there[2], '|(.*)$') or there[1]), nil
  if ARGV[at + 1] == 'keep' and before then
    local now = there[3] or ''
    for i = 4, guards + 2 do now = now .. '|' .. (there[i] or '') end
    if now ~= before and now ~= wrote then
      guarded = { reeve_wrote = true }
      for i = at + 5, at + 4 + guards do guarded[ARGV[i]] = true end
      note('changed', key)
    end
  end
  for i = at + 5 + guards, set - 1 do
    if there[i - at - 2] and not (guarded and guarded[ARGV[i]]) then call('HDEL', key, ARGV[i]) end
  end
  if not guarded then
    call('HSET', key, unpack(ARGV, set, last))
    if there[2] then call('HDEL', key, 'reeve_saw') end
    return
  end
  local left = {}
  for i = set, last, 2 do
    if not guarded[ARGV[i]] then
      left[#left + 1] = ARGV[i]
      left[#left + 1] = ARGV[i + 1]
    end
  end
  call('HSET', key, unpack(left))
end
function acts.heartbeat(at)
  local key = ARGV[at]
  local there = first('HMGET', key, 'reeve_owner', 'reeve_wrote', 'state')
  if not there then return end
  if not there[1] then return note('gone', key) end
  call('HSET', key, 'last_heartbeat', ARGV[at + 1])
  if (there[3] or '') ~= there[2] then note('changed', key) end
end
function acts.messages(at, last)
  make_list(ARGV[at], { unpack(ARGV, at + 1, last) }, our_message, 5000)
end
-- key, how many go; these; then what comes.
function acts.change(at, last)
  local key, gone = ARGV[at], tonumber(ARGV[at + 1])
  if not first('LLEN', key) then return end
  for i = at + 2, at + 1 + gone do call('LREM', key, 1, ARGV[i]) end
  push(key, { unpack(ARGV, at + 2 + gone, last) }, 1)
end
function acts.backlog(at, last)
  make_list(ARGV[at], { unpack(ARGV, at + 1, last) }, our_task, 20000)
end
function acts.remove(at, last)
  call('DEL', unpack(ARGV, at, last))
end
function acts.activity(at, last)
  local key = ARGV[at]
  if not first('LPUSH', key, unpack(ARGV, at + 1, last)) then return end
  call('LTRIM', key, 0, 9)
  call('EXPIRE', key, 3600)
end
function acts.stop(at)
  if not first('GET', ARGV[at]) and notes[#notes] == ARGV[at] then return end
  call('SET', ARGV[at], ARGV[at + 1], 'EX', ARGV[at + 2])
end
function acts.publish(at)
  call('PUBLISH', ARGV[at], ARGV[at + 1])
end
-- Type, data and position of each, packed, for the streams that follow.
function acts.entries(at)
  entries = cmsgpack.unpack(ARGV[at])
end
-- key, how many it keeps, then which entries, packed.
function acts.stream(at)
  local key, most, numbers = ARGV[at], ARGV[at + 1], cmsgpack.unpack(ARGV[at + 2])
  for i = 1, #numbers - 1 do
    local e = 3 * numbers[i] + 1
    if not first('XADD', key, '*', 'event_type', entries[e], 'data', entries[e + 1], 'reeve', echo .. entries[e + 2]) then
      return
    end
  end
  local e = 3 * numbers[#numbers] + 1
  first('XADD', key, 'MAXLEN', '~', most, '*', 'event_type', entries[e], 'data', entries[e + 1], 'reeve',
    echo .. entries[e + 2])
end

local told, placed = { activity = true, publish = true, entries = true, stream = true }, false
local function set_place()
  call('HSET', KEYS[1], 'position', ARGV[4], 'by', ARGV[6], 'seen', call('TIME')[1])
  placed = true
end
local at, all = 7, #ARGV
while at <= all do
  local behind = at + 2 + ARGV[at + 1]
  local word = ARGV[at]
  if told[word] and not placed then set_place() end
  local done, why = pcall(acts[word], at + 2, behind - 1)
  if not done then
    why = type(why) == 'table' and why.err or tostring(why)
    if not placed then return { err = why } end
    note('failed', ARGV[at + 2])
    note('why', why)
  end
  at = behind
end
if not placed then set_place() end
return notes
