-- ARGV: of enter(), then the time of keys and how long they are kept (ms), the number of commits, and for each how
-- many arguments it has, and these, as group.cc writes them.
-- Answers the head, and for each commit {1, first, last, repeated, answer}; {0, which condition, what is there
-- instead} (0: the key's digest; negative: a queue write that cannot be); or {2, why it could not be tried}.
local town, refused = enter()
if not town then return refused end
local time, ttl = num(), num()

-- Documents and queue items as they are now; false: absent.
local docs, items = {}, {}
local function doc(kind, id)
  local name = #kind .. ':' .. kind .. id
  local known = docs[name]
  if known == nil then
    known = call('HGET', P .. 'doc:' .. kind, id)
    docs[name] = known
  end
  return known, name
end
local function item(queue, id)
  local name = #queue .. ':' .. queue .. id
  local known = items[name]
  if known == nil then
    known = call('HGET', P .. 'qi:' .. queue, id)
    items[name] = known
  end
  return known, name
end

-- Each kind of condition: answers nil, or what is there instead.
local holds = {
  v = function()
    local packed, want = doc(arg(), arg()), arg()
    local version = packed and string.match(packed, '^%d+')
    if version ~= want then return version or '' end
  end,
  a = function()
    local packed = doc(arg(), arg())
    if packed then return string.match(packed, '^%d+') end
  end,
  r = function()
    local is = call('HGET', P .. 'epochs', arg())
    if is ~= arg() then return is or '' end
  end,
  q = function()
    local packed, want = item(arg(), arg()), arg()
    if not packed then return '' end
    local _, _, _, _, lease = unpack_item(packed)
    if lease ~= want then return '=' .. lease end
  end,
  l = function()
    local is = call('HGET', P .. 'leases', arg())
    local holder, want = arg(), arg()
    local held, ends, by = unpack_lease(is)
    if held ~= want or by ~= holder or ends <= town.now then return is or '' end
  end,
}

-- Writes are read once to see that they can be done, and once to do them.
local arguments = { p = 4, d = 2, e = 2, t = 3, ['+'] = 5, ['<'] = 4, ['-'] = 2 }
local function read_writes(count)
  local writes = {}
  for i = 1, count do
    local op = arg()
    local w = { op }
    for n = 1, arguments[op] do w[n + 1] = arg() end
    writes[i] = w
  end
  return writes
end
local checked = {}
local function check_key(command, key)
  if checked[key] then return end
  call(command, key)
  checked[key] = true
end
-- The first write that cannot be done; else nil.
local function check(writes)
  local there = {}
  for i, w in ipairs(writes) do
    local op = w[1]
    if op == 'p' or op == 'd' then
      local packed = doc(w[2], w[3])
      check_key('ZCARD', list_key(w[2], ''))
      local function look(mark) check_key('ZCARD', list_key(w[2], mark)) end
      local _, _, before = unpack_doc(packed or '')
      if before and before ~= w[4] then each_mark(before, look) end
      if op == 'p' and before ~= w[4] then each_mark(w[4], look) end
    elseif op == 'e' then
      check_key('HLEN', P .. 'epochs')
    else
      local packed, name = item(w[2], w[3])
      check_key('ZCARD', P .. 'q:' .. w[2])
      local is = there[name]
      if is == nil then is = packed and true or false end
      if (op == 't' or op == '<') and not is then return i end
      if op == '+' then is = true elseif op == '-' then is = false end
      there[name] = is
    end
  end
end

local function put(kind, id, marks, body)
  local packed, name = doc(kind, id)
  local version, rank, before = 0, nil, ''
  if packed then
    version, rank, before = unpack_doc(packed)
  else
    town.rank = town.rank + 1
    rank = int(town.rank)
    call('ZADD', list_key(kind, ''), rank, id)
  end
  if before ~= marks then
    each_mark(before, function(m) call('ZREM', list_key(kind, m), id) end)
    each_mark(marks, function(m) call('ZADD', list_key(kind, m), rank, id) end)
  end
  local now = int(version + 1) .. ' ' .. rank .. ' ' .. #marks .. ' ' .. marks .. '\n' .. body
  call('HSET', P .. 'doc:' .. kind, id, now)
  docs[name] = now
end
local function remove(kind, id)
  local packed, name = doc(kind, id)
  if not packed then return end
  local _, _, marks = unpack_doc(packed)
  each_mark(marks, function(m) call('ZREM', list_key(kind, m), id) end)
  call('ZREM', list_key(kind, ''), id)
  call('HDEL', P .. 'doc:' .. kind, id)
  docs[name] = false
end
local function set_item(queue, id, name, priority, order, attempt, not_before, lease)
  local now = int(priority) .. ' ' .. int(order) .. ' ' .. attempt .. ' ' .. not_before .. ' ' .. lease
  call('HSET', P .. 'qi:' .. queue, id, now)
  items[name] = now
end
local function do_write(w)
  local op = w[1]
  if op == 'p' then return put(w[2], w[3], w[4], w[5]) end
  if op == 'd' then return remove(w[2], w[3]) end
  if op == 'e' then
    if w[3] == '' then call('HDEL', P .. 'epochs', w[2]) else call('HSET', P .. 'epochs', w[2], w[3]) end
    return
  end
  local queue, id = w[2], w[3]
  local packed, name = item(queue, id)
  if op == '+' then
    if packed then return end
    local priority = tonumber(w[4])
    town.order = town.order + 1
    call('ZADD', P .. 'q:' .. queue, 0, place(priority, town.order, id))
    set_item(queue, id, name, priority, town.order, w[6], w[5], '')
  elseif packed then
    local priority, order, attempt, not_before = unpack_item(packed)
    if op == 't' then set_item(queue, id, name, priority, order, attempt, int(not_before), w[4])
    elseif op == '<' then set_item(queue, id, name, priority, order, w[4], w[5], '')
    else
      call('ZREM', P .. 'q:' .. queue, place(priority, order, id))
      call('HDEL', P .. 'qi:' .. queue, id)
      items[name] = false
    end
  end
end

local KNOWN, KNOWN_TIME = P .. 'keys', P .. 'keys:t'
call('HLEN', KNOWN)
local forgotten = call('ZRANGEBYSCORE', KNOWN_TIME, '-inf', int(time - ttl), 'LIMIT', 0, 64)
if #forgotten > 0 then
  call('HDEL', KNOWN, unpack(forgotten))
  call('ZREM', KNOWN_TIME, unpack(forgotten))
end

local function one()
  local writer, key, digest = arg(), arg(), arg()
  local name = writer ~= '' and (#writer .. ':' .. writer .. key) or nil
  local known = name and call('HGET', KNOWN, name)
  if known then
    local first, last, length, from = string.match(known, '^(%d+) (%d+) (%d+):()')
    local behind = from + tonumber(length)
    local before = string.sub(known, from, behind - 1)
    if before ~= digest then return { 0, 0, before } end
    return { 1, tonumber(first), tonumber(last), 1, string.sub(known, behind) }
  end
  for i = 1, num() do
    local instead = holds[arg()]()
    if instead then return { 0, i, instead } end
  end
  local writes = read_writes(num())
  local impossible = check(writes)
  if impossible then return { 0, -impossible, '' } end
  for _, w in ipairs(writes) do do_write(w) end
  local first = town.head + 1
  for _ = 1, num() do append(town, arg(), arg(), num()) end
  if name then
    call('HSET', KNOWN, name, int(first) .. ' ' .. int(town.head) .. ' ' .. #digest .. ':' .. digest .. arg())
    call('ZADD', KNOWN_TIME, int(time), name)
  end
  return { 1, first, town.head, 0, '' }
end

local answers = {}
for i = 1, num() do
  local behind = num() + at
  -- What is wrong with one commit is no reason to refuse its neighbours.
  local done, answer = pcall(one)
  if not done then answer = { 2, type(answer) == 'table' and answer.err or tostring(answer) } end
  answers[i] = answer
  at = behind
end
leave(town)
return { town.head, answers }
