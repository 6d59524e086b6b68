-- ARGV: from which one on (0: the first), how many, bytes. Request keys by time: answers name and what is known of each.
local from, limit, bytes = num(), num(), num()
local out, size = {}, 0
for _, name in ipairs(call('ZRANGE', P .. 'keys:t', from, from + limit - 1)) do
  if size > bytes then break end
  local known = call('HGET', P .. 'keys', name) or ''
  out[#out + 1] = name
  out[#out + 1] = known
  size = size + #known
end
return out
