-- Behind look.lua. ARGV, from the fifth: a cursor, a pattern, and how many keys are looked at.
local page = redis.call('SCAN', ARGV[5], 'MATCH', ARGV[6], 'COUNT', ARGV[7])
return { 'seen', page[1], page[2] }
