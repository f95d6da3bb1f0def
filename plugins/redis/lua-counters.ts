/**
 * What all scripts share: how counters lie in Redis, and how each kind is read and changed. Every key ends by itself.
 *
 * - sliding: a hash with `t` (total), `h` and `l` (first and last millisecond) and one field per millisecond,
 *   `amount:next`: a chain, so that what is over is dropped from its head
 * - fixed: a text with the total, which ends with the window
 * - lease: a hash with `t` (total), `e` (no holder ends before) and one field per holder, `amount:until`
 */
export const counters: string = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.17g', number) end
local function sane(number) if number < 1e-9 then return 0 end return number end
local function split(entry)
  local at = string.find(entry, ':', 1, true)
  return tonumber(string.sub(entry, 1, at - 1)), string.sub(entry, at + 1)
end
local function slidingUsed(key, window)
  local head = redis.call('HMGET', key, 'h', 't')
  local first, total, dropped = head[1], tonumber(head[2]), false
  while first and first ~= '' and tonumber(first) + window <= now do
    local amount, after = split(redis.call('HGET', key, first))
    redis.call('HDEL', key, first)
    total, first, dropped = total - amount, after, true
  end
  if not first then return 0 end
  if first == '' then redis.call('DEL', key) return 0 end
  total = sane(total)
  if dropped then redis.call('HSET', key, 'h', first, 't', text(total)) end
  return total, first
end
local function slidingTake(key, window, amount)
  local tail = redis.call('HMGET', key, 'l', 't')
  local at, total = text(now), amount
  if tail[1] then
    total = total + tonumber(tail[2])
    if tonumber(tail[1]) >= now then
      at = tail[1]
      local before, after = split(redis.call('HGET', key, at))
      redis.call('HSET', key, 't', text(total), at, text(before + amount) .. ':' .. after)
    else
      local before = split(redis.call('HGET', key, tail[1]))
      redis.call('HSET', key, 'l', at, 't', text(total), tail[1], text(before) .. ':' .. at, at, text(amount) .. ':')
    end
  else
    redis.call('HSET', key, 'h', at, 'l', at, 't', text(total), at, text(amount) .. ':')
  end
  redis.call('PEXPIRE', key, window)
  return at
end
local function slidingUntil(key, window, first, total, amount, limit)
  local steps = 0
  while first ~= '' do
    local part, after = split(redis.call('HGET', key, first))
    total = sane(total - part)
    steps = steps + 1
    if total == 0 or total + amount <= limit or steps == 1000 then return text(tonumber(first) + window) end
    first = after
  end
  return text(now)
end
local function fixedUsed(key, ends)
  if ends <= now then return 0 end
  return tonumber(redis.call('GET', key) or '0')
end
local function fixedSet(key, ends, total)
  if ends > now then redis.call('SET', key, text(sane(total)), 'PXAT', text(ends)) end
end
local function leaseUsed(key)
  local known = redis.call('HMGET', key, 't', 'e')
  if not known[1] then return 0 end
  local total = tonumber(known[1])
  if tonumber(known[2]) > now then return total end
  local all, earliest = redis.call('HGETALL', key), nil
  for index = 1, #all, 2 do
    if all[index] ~= 't' and all[index] ~= 'e' then
      local amount, ends = split(all[index + 1])
      ends = tonumber(ends)
      if ends <= now then
        redis.call('HDEL', key, all[index])
        total = total - amount
      elseif not earliest or ends < earliest then earliest = ends end
    end
  end
  if not earliest then redis.call('DEL', key) return 0 end
  total = sane(total)
  redis.call('HSET', key, 't', text(total), 'e', text(earliest))
  return total
end
local function leaseTake(key, ttl, amount, holder)
  local known = redis.call('HMGET', key, 't', 'e')
  local ends = now + ttl
  local total, earliest = tonumber(known[1] or '0') + amount, math.min(tonumber(known[2] or ends), ends)
  redis.call('HSET', key, 't', text(total), 'e', text(earliest), holder, text(amount) .. ':' .. text(ends))
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end
local function leaseEnd(key, holder)
  local entry = redis.call('HGET', key, holder)
  if not entry then return end
  redis.call('HDEL', key, holder)
  if redis.call('HLEN', key) == 2 then redis.call('DEL', key) return end
  redis.call('HSET', key, 't', text(sane(tonumber(redis.call('HGET', key, 't')) - split(entry))))
end
local function used(kind, key, span)
  if kind == 's' then return slidingUsed(key, span) end
  if kind == 'f' then return fixedUsed(key, span) end
  return leaseUsed(key)
end
`;
