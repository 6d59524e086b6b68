-- ARGV: of visit(); kind, mark, after which rank, descending ("1"), limit, bytes. Answers ids and packed documents.
local oldest, refused = visit()
if not oldest then return refused end
local kind, mark, after, descending, limit, bytes = arg(), arg(), arg(), arg(), num(), num()
local list = P .. 'list:' .. #kind .. ':' .. kind .. ':' .. mark
local ids
if descending == '1' then
  ids = call('ZREVRANGEBYSCORE', list, after == '0' and '+inf' or '(' .. after, '-inf', 'LIMIT', 0, limit)
else
  ids = call('ZRANGEBYSCORE', list, '(' .. after, '+inf', 'LIMIT', 0, limit)
end
local out, size = {}, 0
for _, id in ipairs(ids) do
  if size > bytes then break end
  local packed = call('HGET', P .. 'doc:' .. kind, id)
  if packed then
    out[#out + 1] = id
    out[#out + 1] = packed
    size = size + #packed
  end
end
return out
