-- ARGV: of enter(); what the segment follows, its last position, whether this is its last part ("1"), then scopes and
-- their positions. Which events are in which scope, written behind; answers 0 where that is known already.
local town, refused = enter()
if not town then return refused end
local after, last, over = arg(), arg(), arg()
local INDEX = P .. 'ix:' .. after
call('ZCARD', P .. 'ix')
call('HLEN', INDEX)
if call('HGET', META, 'indexed') ~= after then return 0 end
for i = at + 1, #ARGV, 2 do call('HSET', INDEX, ARGV[i], ARGV[i + 1]) end
if over == '1' then
  call('ZADD', P .. 'ix', last, after)
  call('HSET', META, 'indexed', last)
end
return 1
