-- Adds a cost to every bucket, or to none if one of them has no room for it.
-- KEYS: a bucket each. ARGV: milliseconds of a window, the cost, then the limit
-- of each bucket. Answers the server's time in milliseconds and what was used
-- of each bucket before.
--
-- A value is "window:used" and not only a number: a server may still show a
-- key in the millisecond in which it expires.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local width, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = math.floor(now / width)
local answer, fits = {now}, true
for i, key in ipairs(KEYS) do
  local used = 0
  local value = redis.call('GET', key)
  if value then
    local of, n = string.match(value, '^(%d+):(%d+)$')
    if tonumber(of) == window then
      used = tonumber(n)
    end
  end
  answer[i + 1] = used
  fits = fits and used + cost <= tonumber(ARGV[i + 2])
end
if fits and cost > 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%d:%d', window, answer[i + 1] + cost), 'PX', (window + 1) * width - now)
  end
end
return answer
