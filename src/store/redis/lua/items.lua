-- ARGV: of visit(); queue, place to go on behind (""), limit, now in ms ("": held and pausing ones, too), how many are looked at.
-- Answers the last place that was looked at ("": the end), then items and what is known of them.
local oldest, refused = visit()
if not oldest then return refused end
local queue, after, limit, now, looks = arg(), arg(), num(), arg(), num()
local members = call('ZRANGEBYLEX', P .. 'q:' .. queue, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, looks)
local out, found = { '' }, 0
for i, member in ipairs(members) do
  local id = string.sub(member, 25)
  local packed = call('HGET', P .. 'qi:' .. queue, id)
  if packed then
    local not_before, lease = string.match(packed, '^%-?%d+ %d+ %-?%d+ (%-?%d+) (.*)$')
    if now == '' or (lease == '' and tonumber(not_before) <= tonumber(now)) then
      out[#out + 1] = id
      out[#out + 1] = packed
      found = found + 1
    end
  end
  if found == limit or i == #members then
    if i < #members or #members == looks then out[1] = member end
    break
  end
end
return out
