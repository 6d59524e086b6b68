-- ARGV: of visit(); after which rank, limit, bytes. Answers the oldest position, then names and packed documents.
local oldest, refused = visit()
if not oldest then return refused end
local after, limit, bytes = arg(), num(), num()
local out, size = { int(oldest) }, 0
for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'snap:r', '(' .. after, '+inf', 'LIMIT', 0, limit)) do
  if size >= bytes then break end
  local packed = call('HGET', P .. 'snap', name)
  out[#out + 1] = name
  out[#out + 1] = packed
  size = size + #packed
end
return out
