-- ARGV: the session, the plan, and the words that it speaks of: what group.cc writes. Commits of one moment, in their
-- order. (One that is alone: alone.lua.)
--
-- Everything is read and checked first, for all of them; each sees what those before it will have changed. Then
-- everything is written, so what is wrong is told while nothing has happened.
--
-- Every text that comes to Lua is hashed byte by byte, so the fewer come, the better: commits that cannot fail, since
-- their session knows the documents that they change, come as what they write, with all that is said of them below in
-- the first part of the plan. Answers the first position then.
--
-- For the others it answers {done, heads}. `done` is the first position, if all were done as they are; else it has for
-- each item its first position if it was done, {1, first, last, answer}: its key was known; {0, which condition, what
-- is there instead} (0: the key's digest; negative: a queue write that cannot be); {2, why it could not be tried}.
-- `heads`, if all were done: version and rank of each document that was looked at, as they are now; 0: there is none.
local ARGV, unpack, read, format = ARGV, unpack, struct.unpack, string.format
local session, plan = ARGV[1], ARGV[2]
local state, refused = state_of(session)
if not state then return refused end

-- Documents that are written as they are given. The plan: how many entries, how many bytes of events, how many kinds;
-- for each entry how many events it has, for each kind how many words. Words: the entries; for each kind its name, and
-- ids and documents.
local alone, bytes, given_kinds, at = read('>I4I8I4', plan)
local given_at = at + 4 * alone -- of the kinds, in the plan
local rest_at, rest_word = given_at, 2 + alone
for _ = 1, given_kinds do
  call('HLEN', P .. 'doc:' .. ARGV[rest_word + 1])
  local count
  count, rest_at = read('>I4', plan, rest_at)
  rest_word = rest_word + 1 + count
end
local function write_given()
  local at, word = given_at, 2 + alone
  for _ = 1, given_kinds do
    local count
    count, at = read('>I4', plan, at)
    local key = P .. 'doc:' .. ARGV[word + 1]
    word = word + 1
    for from = 1, count, 1000 do
      call('HSET', key, unpack(ARGV, word + from, word + (from + 999 < count and from + 999 or count)))
    end
    word = word + count
  end
end
if rest_at > #plan then
  local first_number = #session + 1
  local head, all_bytes, entries = read('>I8I8I8', state, first_number)
  local begin = head + 1
  for i = 1, alone do
    local count
    count, at = read('>I4', plan, at)
    head = head + count
    call('XADD', LOG, format('%d-%d', head, count), 'e', ARGV[2 + i])
  end
  write_given()
  call('SET', STATE, session .. struct.pack('>I8I8I8', head, all_bytes + bytes, entries + alone) ..
                     string.sub(state, first_number + 24))
  return begin
end

-- The rest of the plan: how many items, texts (marks), and kinds of documents; for each kind, how many documents.
-- Words: the time ("": Redis' own); that of keys and how long they are kept (ms); the texts; for each kind, its name and the ids. Then for each
-- item its shape, which is told below: a commit, or those next to one another of which only the events are told here.
local sub = string.sub
local town = town_of(session, state)
local begin = town.head
local clock, time, ttl = ARGV[rest_word + 1], ARGV[rest_word + 2], ARGV[rest_word + 3]
local word = rest_word + 3 -- the last one that was read
local wrong -- what could not be read, of the item that is looked at
local items, texts, kinds
items, texts, kinds, at = read('>I4I4I4', plan, rest_at)
local first_text = word
word = word + texts

-- Documents, by kind and then by number: as they are (false: absent), and what was read of that or will be written.
local base, names, ids, packed, faults, total = {}, {}, {}, {}, nil, 0
for kind = 1, kinds do
  local count
  count, at = read('>I4', plan, at)
  names[kind], base[kind] = ARGV[word + 1], total
  local key = P .. 'doc:' .. ARGV[word + 1]
  word = word + 1
  for from = 1, count, 1000 do
    local to = from + 999 < count and from + 999 or count
    local known = redis.pcall('HMGET', key, unpack(ARGV, word + from, word + to))
    if known.err then
      faults = faults or {}
      faults[kind] = known.err
    end
    for i = from, to do
      ids[total + i] = ARGV[word + i]
      packed[total + i] = known[i - from + 1]
    end
  end
  total = total + count
  word = word + count
end
base[kinds + 1] = total
-- `changed`: the body that will be written; false: it goes.
local versions, ranks, marks, changed = {}, {}, {}, {}

-- Version 0: there is none.
local function look_at(kind, doc)
  local is = packed[doc]
  if is then
    local length
    versions[doc], ranks[doc], length = read('>I8I8I4', is, #is - 19)
    marks[doc] = sub(is, -20 - length, -21)
  else
    versions[doc], marks[doc] = 0, false
    wrong = wrong or faults and faults[kind]
  end
end

-- What is written behind the events, in this order. What is seldom needed is made only then: Lua makes every function
-- of a script anew for each call.
local later, rare = {}, nil
local function make_rare()
  local checked, items, epochs, keys = {}, {}, {}, {}
  local match = string.match
  local function ask(...)
    local is = redis.pcall(...)
    if type(is) == 'table' and is.err then
      wrong = wrong or is.err
      return false
    end
    return is
  end
  local function check_key(command, key)
    if checked[key] then return end
    if ask(command, key) then checked[key] = true end
  end
  local function do_later(...) later[#later + 1] = { ... } end
  local function list_key(kind, mark) return P .. 'list:' .. #kind .. ':' .. kind .. ':' .. mark end
  local function each_mark(all, f)
    for mark in string.gmatch(all, '[^\n]+') do f(mark) end
  end
  local function place(priority, order, item)
    return format('%08x%08x%08x', 2147483647 - priority, math.floor(order / 4294967296), order % 4294967296) .. item
  end
  local function now_ms()
    if clock ~= '' then return tonumber(clock) end
    local time = call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  local function item_of(queue, id)
    local group = items[queue]
    if not group then
      group = {}
      items[queue] = group
    end
    if group[id] == nil then group[id] = ask('HGET', P .. 'qi:' .. queue, id) end
    return group[id], group
  end
  -- "PRIORITY ORDER ATTEMPT NOT_BEFORE LEASE"
  local function unpack_item(is) return match(is, '^(-?%d+) (%d+) (-?%d+) (-?%d+) (.*)$') end
  local function set_item(group, queue, id, priority, order, attempt, not_before, lease)
    group[id] = priority .. ' ' .. order .. ' ' .. attempt .. ' ' .. not_before .. ' ' .. lease
    do_later('HSET', P .. 'qi:' .. queue, id, group[id])
  end
  local function epoch_of(run)
    if epochs[run] == nil then epochs[run] = ask('HGET', P .. 'epochs', run) end
    return epochs[run]
  end
  return {
    -- A document that is new, goes, or is marked otherwise than before.
    check_lists = function(kind, before, now)
      local function look(mark) check_key('ZCARD', list_key(kind, mark)) end
      if not before or not now then look('') end
      each_mark(before or '', look)
      each_mark(now or '', look)
    end,
    list = function(kind, id, rank, before, now)
      if not before then do_later('ZADD', list_key(kind, ''), format('%d', rank), id) end
      each_mark(before or '', function(mark) do_later('ZREM', list_key(kind, mark), id) end)
      each_mark(now or '', function(mark) do_later('ZADD', list_key(kind, mark), format('%d', rank), id) end)
      if not now then do_later('ZREM', list_key(kind, ''), id) end
    end,
    -- What is there instead of what a condition wants; nil: it holds.
    [114] = function() -- r: run, epoch
      local is = epoch_of(ARGV[word + 1])
      word = word + 2
      if is ~= ARGV[word] then return is or '' end
    end,
    [113] = function() -- q: queue, item, lease
      local is = item_of(ARGV[word + 1], ARGV[word + 2])
      word = word + 3
      if not is then return '' end
      local _, _, _, _, lease = unpack_item(is)
      if lease ~= ARGV[word] then return '=' .. lease end
    end,
    [108] = function() -- l: name, holder, epoch
      local is = ask('HGET', P .. 'leases', ARGV[word + 1]) or ''
      local holder, want = ARGV[word + 2], ARGV[word + 3]
      word = word + 3
      local held, ends, by = match(is, '^(%d+) (-?%d+) (.*)$')
      if held ~= want or by ~= holder or tonumber(ends) <= now_ms() then return is end
    end,
    -- Whether a write can be done, given what those before it will have changed (`there`).
    check = function(op, there)
      local of, id = ARGV[word + 1], ARGV[word + 2]
      if op == 101 then
        check_key('HLEN', P .. 'epochs')
        return true
      end
      local is = item_of(of, id) and true
      check_key('ZCARD', P .. 'q:' .. of)
      local name = of .. '\n' .. id
      if there[name] ~= nil then is = there[name] end
      if op == 43 then is = true elseif op == 45 then is = false elseif not is then return false end
      there[name] = is
      return true
    end,
    write = function(op)
      local of, id, a, b, c = ARGV[word + 1], ARGV[word + 2], ARGV[word + 3], ARGV[word + 4], ARGV[word + 5]
      if op == 101 then -- e: run, epoch ("": it is over)
        epochs[of] = id ~= '' and id
        if id == '' then do_later('HDEL', P .. 'epochs', of) else do_later('HSET', P .. 'epochs', of, id) end
        return
      end
      local is, group = item_of(of, id)
      if op == 43 then -- +: queue, item, priority, not_before, attempt
        if is then return end
        town.order = town.order + 1
        do_later('ZADD', P .. 'q:' .. of, 0, place(tonumber(a), town.order, id))
        set_item(group, of, id, a, format('%d', town.order), c, b, '')
      elseif is then
        local priority, order, attempt, not_before = unpack_item(is)
        if op == 116 then -- t: queue, item, lease
          set_item(group, of, id, priority, order, attempt, not_before, a)
        elseif op == 60 then -- <: queue, item, attempt, not_before
          set_item(group, of, id, priority, order, a, b, '')
        else -- -: queue, item
          do_later('ZREM', P .. 'q:' .. of, place(tonumber(priority), tonumber(order), id))
          do_later('HDEL', P .. 'qi:' .. of, id)
          group[id] = false
        end
      end
    end,
    -- How many words a write has.
    length = { [101] = 2, [116] = 3, [43] = 5, [60] = 4, [45] = 2 },
    -- Nothing: the key is not known. A commit's answer, where it is.
    recall = function(name, digest)
      local known = keys[name] or ask('HGET', P .. 'keys', name)
      check_key('ZCARD', P .. 'keys:t')
      if not known then return end
      local since, first, last, length, from = match(known, '^(%d+) (%d+) (%d+) (%d+):()')
      if tonumber(since) <= tonumber(time) - tonumber(ttl) then return end
      local before = sub(known, from, from + length - 1)
      if before ~= digest then return { 0, 0, before } end
      return { 1, tonumber(first), tonumber(last), sub(known, from + length) }
    end,
    remember = function(name, digest, answer, first)
      keys[name] = format('%s %d %d %d:', time, first, town.head, #digest) .. digest .. answer
      do_later('HSET', P .. 'keys', name, keys[name])
      do_later('ZADD', P .. 'keys:t', time, name)
    end,
  }
end

-- What a commit writes, found while it is checked: what it is, of which kind and document (else 0), the marks it will
-- have (false: it goes), and where its words begin.
local ops, kinds_of, docs, nows, words_of = {}, {}, {}, {}, {}

-- Nothing: it can be done.
local function check(conditions, writes)
  for i = 1, conditions do
    local op, is = read('B', plan, at), nil
    at = at + 1
    if op == 118 or op == 97 then -- v: kind, document, version; a: kind, document, 0
      local kind, doc, version
      kind, doc, version, at = read('>I4I4I8', plan, at)
      doc = base[kind] + doc
      if not versions[doc] then look_at(kind, doc) end
      if versions[doc] ~= version then is = versions[doc] > 0 and format('%d', versions[doc]) or '' end
    else
      rare = rare or make_rare()
      is = rare[op]()
    end
    if wrong then return { 2, wrong } end
    if is then return { 0, i, is } end
  end
  local there
  for i = 1, writes do
    local op, kind, doc, now
    op, kind, doc, now, at = read('>BI4I4I4', plan, at)
    ops[i], words_of[i], kinds_of[i] = op, word, kind
    if kind > 0 then -- p: kind, document, marks, and a word; d: kind, document, 0
      doc, now = base[kind] + doc, op == 112 and ARGV[first_text + now]
      docs[i], nows[i] = doc, now
      if now then word = word + 1 end
      if not versions[doc] then look_at(kind, doc) end
      if marks[doc] ~= now then
        rare = rare or make_rare()
        rare.check_lists(names[kind], marks[doc], now)
      end
    else
      rare = rare or make_rare()
      there = there or {}
      if not rare.check(op, there) then return { 0, -i, '' } end
      word = word + rare.length[op]
    end
    if wrong then return { 2, wrong } end
  end
end

local function write(writes)
  for i = 1, writes do
    word = words_of[i]
    local doc = docs[i]
    if kinds_of[i] > 0 then
      local before, now = marks[doc], nows[i]
      if before ~= now then
        if not before then
          town.rank = town.rank + 1
          ranks[doc] = town.rank
        end
        rare.list(names[kinds_of[i]], ids[doc], ranks[doc], before, now)
        marks[doc] = now
      end
      versions[doc] = now and versions[doc] + 1 or 0
      changed[doc] = now and ARGV[word + 1]
    else
      rare.write(ops[i])
    end
  end
end

-- Events are written some at a time, as entries: those of neighbouring commits together (`text`, of which what stands
-- from `from` to before `upto` is taken, and `parts` before that), those of a large one for themselves.
local entries, text, from, upto, parts, count = {}, nil, 1, 1, nil, 0
local function add_entry(of)
  entries[#entries + 1] = format('%d-%d', town.head, count)
  entries[#entries + 1] = of
  count = 0
end
local function close_entry()
  if count > 0 then
    if parts then
      parts[#parts + 1] = sub(text, from, upto - 1)
      text = table.concat(parts)
    end
    add_entry(text)
  end
  text, from, upto, parts = nil, 1, 1, nil
end

local answers, plain = {}, true
for i = 1, items do
  -- An item: flags (1: it has a key; 2: its events are the first in an entry of several commits), how many bytes of
  -- the plan and how many words follow, of them the conditions and writes; how many events and bytes of events, how
  -- many bytes they have in the entry of several commits, or how many entries of their own they are.
  local flags, size, words, conditions, writes, events, bytes, length, own
  flags, size, words, conditions, writes, events, bytes, length, own, at = read('>BI4I4I4I4I4I8I4I4', plan, at)
  if flags >= 2 then
    close_entry()
    word = word + 1
    text = ARGV[word]
  elseif own > 0 then
    close_entry()
  end
  local next_at, next_word = at + size, word + words
  -- How many events are in each entry of its own.
  local own_at, own_word = at, word
  at, word = at + 4 * own, word + own
  local answer, name, digest, result
  if flags % 2 == 1 then
    rare = rare or make_rare()
    name, digest, result = ARGV[word + 1], ARGV[word + 2], ARGV[word + 3]
    word = word + 3
    answer = rare.recall(name, digest)
    if wrong then answer = { 2, wrong } end
  end
  answer = answer or check(conditions, writes)
  if answer then
    plain, wrong = false, nil
    if length > 0 then
      parts = parts or {}
      parts[#parts + 1] = sub(text, from, upto - 1)
      upto = upto + length
      from = upto
    end
  else
    answer = town.head + 1
    for j = 1, own do
      count = read('>I4', plan, own_at + 4 * j - 4)
      town.head = town.head + count
      add_entry(ARGV[own_word + j])
    end
    if own == 0 then
      town.head, count, upto = town.head + events, count + events, upto + length
    end
    town.bytes = town.bytes + bytes
    write(writes)
    if name then rare.remember(name, digest, result, answer) end
  end
  answers[i] = answer
  at, word = next_at, next_word
end
close_entry()

-- If the log is not what it should be, the first entry is refused, and nothing has happened.
for i = 1, #entries, 2 do call('XADD', LOG, entries[i], 'e', entries[i + 1]) end
town.entries = town.entries + #entries / 2
for i = 1, #later do call(unpack(later[i])) end
for kind = 1, kinds do
  local key, set = P .. 'doc:' .. names[kind], {}
  for doc = base[kind] + 1, base[kind + 1] do
    local body = changed[doc]
    if body then
      local marked = marks[doc]
      set[#set + 1] = ids[doc]
      set[#set + 1] = body .. marked .. struct.pack('>I8I8I4', versions[doc], ranks[doc], #marked)
      if #set == 1000 then
        call('HSET', key, unpack(set))
        set = {}
      end
    elseif body == false and packed[doc] then
      call('HDEL', key, ids[doc])
    end
  end
  if #set > 0 then call('HSET', key, unpack(set)) end
end
write_given()
leave(town)
local heads = {}
if plain then
  answers = begin + 1
  for doc = 1, total do
    heads[2 * doc - 1] = versions[doc] or 0
    heads[2 * doc] = ranks[doc] or 0
  end
end
return { answers, heads }
