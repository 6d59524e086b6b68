-- ARGV: log, from, to, how many are looked at, bytes. Answers up to where, then positions and events, by position.
local log, from, to, looks, bytes = arg(), num(), num(), num(), num()
local here, oldest = look()
if here ~= log then return redis.error_reply('LOST another log is here') end
if from < oldest then return redis.error_reply('EXPIRED ' .. int(oldest)) end
if from + looks - 1 < to then to = from + looks - 1 end
local out, size = {}, 0
local function add(position, event)
  out[#out + 1] = position
  out[#out + 1] = event
  size = size + #event
end
local pruned, p = call('ZRANGEBYSCORE', PRUNED, int(from), int(to)), 1
local function add_pruned_before(position)
  while pruned[p] do
    local its, event = string.match(pruned[p], '^(%d+)\n(.*)$')
    if tonumber(its) >= position then return end
    add(its, event)
    p = p + 1
  end
end
-- Some at a time: how large they are is seen when they are read.
local next_one = from
while next_one <= to and size <= bytes do
  local upto = math.min(next_one + 99, to)
  for _, entry in ipairs(call('XRANGE', LOG, int(next_one) .. '-0', int(upto) .. '-0')) do
    local position = string.match(entry[1], '^%d+')
    add_pruned_before(tonumber(position))
    if size > bytes and #out > 0 then
      upto = tonumber(position) - 1
      break
    end
    add(position, entry[2][2])
  end
  add_pruned_before(upto + 1)
  next_one = upto + 1
end
return { int(next_one - 1), out }
