-- What most calls of the commits' script are: one commit that cannot fail, with one entry of the log and at most one
-- document. It stands before everything else, and nothing else is run then: Lua makes each function of a script anew
-- for each call, and each text that comes to it costs.
--
-- ARGV: the session, the plan, the entry, the document. The plan begins with 1: how many events there are, and bytes of
-- them; then texts: the entry's id but for the position, where the state has its numbers, the document's kind ("": there
-- is none) and id.
if string.byte(ARGV[2]) == 1 then
  local P, call, unpack, session = KEYS[1], redis.call, struct.unpack, ARGV[1]
  local where = P .. 'state'
  local state = call('GET', where)
  -- If it is not as it should be, the rest of the script says why.
  if state and #state == #session + 64 and string.find(state, session, 1, true) == 1 then
    local count, bytes, entry, at, kind, id = unpack('>I4I8Bc0Bc0Bc0Bc0', ARGV[2], 2)
    local head, all, entries = unpack('>I8I8I8', state, #session + 1)
    local docs = kind ~= '' and P .. 'doc:' .. kind
    if docs then call('HLEN', docs) end
    call('XADD', P .. 'log', string.format(entry, head + count), 'e', ARGV[3])
    if docs then call('HSET', docs, id, ARGV[4]) end
    call('SETRANGE', where, at, struct.pack('>I8I8I8', head + count, all + bytes, entries + 1))
    return head + 1
  end
end
