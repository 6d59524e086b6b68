-- ARGV: of enter(); the bytes of what takes a payload's place, then positions, ascending, for each what the event is
-- without its payload and how many bytes that has. Answers how many lost their payload now, and the bytes of those.
local town, refused = enter()
if not town then return refused end
local rest = num()
local pruned, freed = 0, 0
call('ZCARD', PRUNED)
local i = at + 1
while i <= #ARGV do
  local position = tonumber(ARGV[i])
  local entry = position >= town.oldest and entry_at(position)
  if not entry then
    i = i + 3
  else
    local events = events_of(entry)
    while ARGV[i] and tonumber(ARGV[i]) <= entry.last do
      local n = tonumber(ARGV[i]) - entry.first + 1
      if string.find(events[n], '\n', 1, true) then
        events[n] = ARGV[i + 1]
        pruned = pruned + 1
        freed = freed + tonumber(ARGV[i + 2])
      end
      i = i + 3
    end
    put_apart(town, entry, events)
  end
end
town.bytes = town.bytes - freed + pruned * rest
leave(town)
return { pruned, freed }
