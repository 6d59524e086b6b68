-- ARGV: of visit(); names. Answers the oldest position, then for each its packed document, or "".
local oldest, refused = visit()
if not oldest then return refused end
local out = { int(oldest) }
for i = at + 1, #ARGV do out[#out + 1] = call('HGET', P .. 'snap', ARGV[i]) or '' end
return out
