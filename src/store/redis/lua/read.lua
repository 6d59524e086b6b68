-- ARGV: log, from, to, how many are looked at, bytes. Answers up to where, then positions, headers and payloads, by
-- position; of a pruned event the payload is "".
local log, from, to, looks, bytes = arg(), num(), num(), num(), num()
local m = call('HMGET', META, 'log', 'oldest')
if m[1] ~= log then return redis.error_reply('LOST another log is here') end
if from < tonumber(m[2]) then return redis.error_reply('EXPIRED ' .. m[2]) end
if from + looks - 1 < to then to = from + looks - 1 end
local out, size = {}, 0
local function add(position, header, payload)
  out[#out + 1] = position
  out[#out + 1] = header
  out[#out + 1] = payload
  size = size + #header + #payload
end
local pruned, p = call('ZRANGEBYSCORE', PRUNED, int(from), int(to)), 1
local function add_pruned_before(position)
  while pruned[p] do
    local its, header = string.match(pruned[p], '^(%d+)\n(.*)$')
    if tonumber(its) >= position then return end
    add(its, header, '')
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
    add(position, entry[2][2], entry[2][4])
  end
  add_pruned_before(upto + 1)
  next_one = upto + 1
end
return { int(next_one - 1), out }
