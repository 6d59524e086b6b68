-- ARGV: names. Answers the oldest position, then for each its packed document, or "".
local _, oldest = look()
local out = { int(oldest or 1) }
for i = 1, #ARGV do out[#out + 1] = call('HGET', P .. 'snap', ARGV[i]) or '' end
return out
