-- ARGV: of visit(); bytes, whether all must be left ("1"), then positions. Answers how many were looked at, then positions and
-- events of those that are there. What is looked at is limited: an event may stand among many.
local oldest, refused = visit()
if not oldest then return refused end
local bytes, all = num(), arg()
local out, size, looked = {}, 0, 0
local entry, events
for i = at + 1, #ARGV do
  if size > bytes then break end
  local position = tonumber(ARGV[i])
  if position >= oldest then
    if not entry or position < entry.first or position > entry.last then
      entry = entry_at(position)
      if not entry then return redis.error_reply('LOST event ' .. ARGV[i] .. ' is not in the log') end
      events = events_of(entry)
      size = size + #entry.text
    end
    out[#out + 1] = ARGV[i]
    out[#out + 1] = events[position - entry.first + 1]
  elseif all == '1' then
    return redis.error_reply('EXPIRED ' .. int(oldest))
  end
  looked = looked + 1
end
return { looked, out }
