-- ARGV: of enter(); the bytes of what takes a payload's place, then positions, for each what the event is without its
-- payload and how many bytes that has. Answers how many lost their payload now, and the bytes of those.
local town, refused = enter()
if not town then return refused end
local rest = num()
local pruned, freed = 0, 0
for i = at + 1, #ARGV, 3 do
  local position = ARGV[i]
  if tonumber(position) >= town.oldest and call('XDEL', LOG, position .. '-0') == 1 then
    call('ZADD', PRUNED, position, position .. '\n' .. ARGV[i + 1])
    pruned = pruned + 1
    freed = freed + tonumber(ARGV[i + 2])
  end
end
town.bytes = town.bytes - freed + pruned * rest
leave(town)
return { pruned, freed }
