-- ARGV: of visit(); a position, "1": segments that end behind it, else those that end at it or before it, nearest first; how many
-- segments; then scopes. Answers the oldest position of the log, then for each segment what it follows, its last position, and what each
-- scope has there ("": nothing).
local oldest, refused = visit()
if not oldest then return refused end
local position, forward, limit = arg(), arg(), num()
local segments
if forward == '1' then
  segments = call('ZRANGEBYSCORE', P .. 'ix', '(' .. position, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
else
  segments = call('ZREVRANGEBYSCORE', P .. 'ix', position, '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
end
local out = { int(oldest) }
for s = 1, #segments, 2 do
  out[#out + 1] = segments[s]
  out[#out + 1] = segments[s + 1]
  for i = at + 1, #ARGV do out[#out + 1] = call('HGET', P .. 'ix:' .. segments[s], ARGV[i]) or '' end
end
return out
