-- ARGV: of enter(), then the time of keys and how long they are kept (ms), and for each commit its shape (two bytes
-- each: how many arguments follow, conditions, writes, events; a byte: it has a key) and what group.cc writes: the key's
-- name, digest and answer; conditions; writes; events; the events' bytes.
-- Answers for each commit its first position if it was done, else {1, first, last, answer}: its key was known;
-- {0, which condition, what is there instead} (0: the key's digest; negative: a queue write that cannot be); {2, why
-- it could not be tried}.
--
-- What is seldom needed is made only then: Lua makes every function of a script anew for each call.
local town, refused = enter()
if not town then return refused end
local ARGV, match, format = ARGV, string.match, string.format -- found sooner than globals
at = 4
-- Documents as they are now, by kind and id; false: absent. Queue items in the same way.
local docs, items, checked, rare = {}, {}, {}, nil

local function fetch(cache, key, of, id)
  local group = cache[of]
  if not group then
    group = {}
    cache[of] = group
  end
  local known = group[id]
  if known == nil then
    known = call('HGET', P .. key .. of, id)
    group[id] = known
  end
  return known, group
end

local function make_rare()
  local function check_key(command, key)
    if checked[key] then return end
    call(command, key)
    checked[key] = true
  end
  local function list_key(kind, mark) return P .. 'list:' .. #kind .. ':' .. kind .. ':' .. mark end
  local function each_mark(marks, f)
    for mark in string.gmatch(marks, '[^\n]+') do f(mark) end
  end
  local function place(priority, order, item)
    return format('%08x%08x%08x', 2147483647 - priority, math.floor(order / 4294967296), order % 4294967296) .. item
  end
  local function now_ms()
    if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
    local time = call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  -- "PRIORITY ORDER ATTEMPT NOT_BEFORE LEASE"
  local function unpack_item(packed) return match(packed, '^(-?%d+) (%d+) (-?%d+) (-?%d+) (.*)$') end
  local function set_item(group, queue, id, priority, order, attempt, not_before, lease)
    local now = priority .. ' ' .. order .. ' ' .. attempt .. ' ' .. not_before .. ' ' .. lease
    call('HSET', P .. 'qi:' .. queue, id, now)
    group[id] = now
  end
  return {
    -- A document that is new, goes, or is marked otherwise than before.
    check_lists = function(kind, before, marks)
      local function look(mark) check_key('ZCARD', list_key(kind, mark)) end
      if not before or not marks then look('') end
      each_mark(before or '', look)
      each_mark(marks or '', look)
    end,
    list = function(kind, id, rank, before, marks)
      if not before then call('ZADD', list_key(kind, ''), rank, id) end
      each_mark(before or '', function(mark) call('ZREM', list_key(kind, mark), id) end)
      each_mark(marks or '', function(mark) call('ZADD', list_key(kind, mark), rank, id) end)
      if not marks then call('ZREM', list_key(kind, ''), id) end
    end,
    check_key = check_key,
    instead = {
      r = function()
        local is = call('HGET', P .. 'epochs', ARGV[at + 2])
        at = at + 3
        if is ~= ARGV[at] then return is or '' end
      end,
      q = function()
        local packed = fetch(items, 'qi:', ARGV[at + 2], ARGV[at + 3])
        at = at + 4
        if not packed then return '' end
        local _, _, _, _, lease = unpack_item(packed)
        if lease ~= ARGV[at] then return '=' .. lease end
      end,
      l = function()
        local is = call('HGET', P .. 'leases', ARGV[at + 2]) or ''
        local holder, want = ARGV[at + 3], ARGV[at + 4]
        at = at + 4
        local held, ends, by = match(is, '^(%d+) (-?%d+) (.*)$')
        if held ~= want or by ~= holder or tonumber(ends) <= now_ms() then return is end
      end,
    },
    -- Whether it can be done, given what the writes before it will have changed (`there`).
    check = function(op, of, id, there)
      if op == 'e' then
        check_key('HLEN', P .. 'epochs')
        return true
      end
      local packed = fetch(items, 'qi:', of, id)
      check_key('ZCARD', P .. 'q:' .. of)
      local name = of .. '\n' .. id
      local is = there[name]
      if is == nil then is = packed and true or false end
      if op == '+' then is = true elseif op == '-' then is = false elseif not is then return false end
      there[name] = is
      return true
    end,
    write = function(op, of, id, a, b, c)
      if op == 'e' then
        if id == '' then call('HDEL', P .. 'epochs', of) else call('HSET', P .. 'epochs', of, id) end
        return
      end
      local packed, group = fetch(items, 'qi:', of, id)
      if op == '+' then
        if packed then return end
        town.order = town.order + 1
        call('ZADD', P .. 'q:' .. of, 0, place(tonumber(a), town.order, id))
        set_item(group, of, id, a, format('%d', town.order), c, b, '')
      elseif packed then
        local priority, order, attempt, not_before = unpack_item(packed)
        if op == 't' then set_item(group, of, id, priority, order, attempt, not_before, a)
        elseif op == '<' then set_item(group, of, id, priority, order, a, b, '')
        else
          call('ZREM', P .. 'q:' .. of, place(tonumber(priority), tonumber(order), id))
          call('HDEL', P .. 'qi:' .. of, id)
          group[id] = false
        end
      end
    end,
    -- How many arguments an operation has, itself included.
    length = { e = 3, t = 4, ['+'] = 6, ['<'] = 5, ['-'] = 3 },
    -- Nothing: the key is not known. A commit's answer, where it is.
    recall = function(name, digest)
      local known = call('HGET', P .. 'keys', name)
      check_key('ZCARD', P .. 'keys:t')
      if not known then return end
      local since, first, last, length, from = match(known, '^(%d+) (%d+) (%d+) (%d+):()')
      if tonumber(since) <= tonumber(ARGV[3]) - tonumber(ARGV[4]) then return end
      local before = string.sub(known, from, from + length - 1)
      if before ~= digest then return { 0, 0, before } end
      return { 1, tonumber(first), tonumber(last), string.sub(known, from + length) }
    end,
    remember = function(name, digest, answer, first)
      call('HSET', P .. 'keys', name, format('%s %d %d %d:%s', ARGV[3], first, town.head, #digest, digest) .. answer)
      call('ZADD', P .. 'keys:t', ARGV[3], name)
    end,
  }
end

local function one(conditions, writes, events, keyed, behind)
  local name, digest, answer = nil, nil, nil
  if keyed == 1 then
    rare = rare or make_rare()
    name, digest, answer = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    at = at + 3
    local known = rare.recall(name, digest)
    if known then return known end
  end
  for i = 1, conditions do
    local kind, is = ARGV[at + 1], nil
    if kind == 'v' or kind == 'a' then
      local packed = fetch(docs, 'doc:', ARGV[at + 2], ARGV[at + 3])
      is = packed and format('%d', (struct.unpack('>I8', packed, #packed - 19)))
      at = at + 3
      if kind == 'v' then
        at = at + 1
        if is == ARGV[at] then is = nil else is = is or '' end
      end
    else
      rare = rare or make_rare()
      is = rare.instead[kind]()
    end
    if is then return { 0, i, is } end
  end
  -- A first pass over the writes does nothing: what they need is read, so that whatever is wrong is told now.
  local from, there = at, nil
  for i = 1, writes do
    local op, of, id = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if op == 'p' or op == 'd' then
      local packed = fetch(docs, 'doc:', of, id)
      local marks = op == 'p' and ARGV[at + 4] or nil
      at = at + (marks and 5 or 3)
      if not packed then
        if marks then
          rare = rare or make_rare()
          rare.check_lists(of, nil, marks)
        end
      else
        local length = struct.unpack('>I4', packed, #packed - 3)
        local before = string.sub(packed, -20 - length, -21)
        if before ~= marks then
          rare = rare or make_rare()
          rare.check_lists(of, before, marks)
        end
      end
    else
      rare = rare or make_rare()
      there = there or {}
      if not rare.check(op, of, id, there) then return { 0, -i, '' } end
      at = at + rare.length[op]
    end
  end
  -- The events come first: if the log is not what it should be, the first of them is refused, and nothing has happened.
  local first = town.head + 1
  if events > 0 then
    at = behind - events - 1
    for i = 1, events do
      call('XADD', LOG, format('%d-0', town.head + i), 'e', ARGV[at + i])
    end
    town.head = town.head + events
    town.bytes = town.bytes + tonumber(ARGV[behind])
  end
  at = from
  for _ = 1, writes do
    local op, of, id = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if op == 'p' or op == 'd' then
      local packed, group = fetch(docs, 'doc:', of, id)
      local marks = op == 'p' and ARGV[at + 4] or nil
      local version, rank, length, before = 0, nil, nil, nil
      if packed then
        version, rank, length = struct.unpack('>I8I8I4', packed, #packed - 19)
        before = string.sub(packed, -20 - length, -21)
      elseif marks then
        town.rank = town.rank + 1
        rank = town.rank
      end
      if before ~= marks then rare.list(of, id, rank, before, marks) end
      if marks then
        local now = ARGV[at + 5] .. marks .. struct.pack('>I8I8I4', version + 1, rank, #marks)
        call('HSET', P .. 'doc:' .. of, id, now)
        group[id] = now
        at = at + 5
      else
        if packed then call('HDEL', P .. 'doc:' .. of, id) end
        group[id] = false
        at = at + 3
      end
    else
      rare.write(op, of, id, ARGV[at + 4], ARGV[at + 5], ARGV[at + 6])
      at = at + rare.length[op]
    end
  end
  if name then rare.remember(name, digest, answer, first) end
  return first
end

local answers, n, last = {}, 0, #ARGV
while at < last do
  local a, b, c, d, e, f, g, h, keyed = string.byte(ARGV[at + 1], 1, 9)
  at = at + 1
  local behind = at + a * 256 + b
  local done, answer = pcall(one, c * 256 + d, e * 256 + f, g * 256 + h, keyed, behind)
  -- What is wrong with one commit is no reason to refuse its neighbours.
  if not done then answer = { 2, type(answer) == 'table' and answer.err or tostring(answer) } end
  n = n + 1
  answers[n] = answer
  at = behind
end
leave(town)
return answers
