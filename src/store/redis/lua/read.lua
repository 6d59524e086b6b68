-- ARGV: of visit(); from, to, how many positions are looked at, bytes. Answers up to where, then the entries that have them,
-- by position: ids and texts. The first and the last may have others, too.
local oldest, refused = visit()
if not oldest then return refused end
local from, to, looks, bytes = num(), num(), num(), num()
if from < oldest then return redis.error_reply('EXPIRED ' .. int(oldest)) end
if from + looks - 1 < to then to = from + looks - 1 end
local out, size, reached = {}, 0, from - 1
-- Some at a time: how large they are is seen when they are read.
local SOME = 16
local function reader(fetch)
  local page, i = nil, 1
  return function(after_this)
    if after_this then i = i + 1 end
    if not page or (i > #page and #page == SOME) then page, i = fetch(reached + 1, SOME), 1 end
    return page[i]
  end
end
local from_stream, from_pruned = reader(stream_entries), reader(pruned_entries)
while reached < to and size <= bytes do
  local entry, other, taken = from_stream(), from_pruned(), from_stream
  if other and (not entry or other.last < entry.last) then entry, taken = other, from_pruned end
  if not entry or entry.first > to then
    reached = to
    break
  end
  out[#out + 1] = entry.id
  out[#out + 1] = entry.text
  size = size + #entry.text
  reached = entry.last
  taken(true)
end
return { int(math.min(reached, to)), out }
