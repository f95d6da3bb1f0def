/**
 * What Redis does in one step. A script runs alone, so nothing comes between checking and taking, and its time is the
 * server's: clocks of machines do not matter.
 */
import { createHash } from "node:crypto";
import { counters } from "./lua-counters.ts";

export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** Per key: kind, span (window, end or ttl), amount, limit, holder. Answers when each was taken, or what did not fit. */
const reserve = script(`
local pending, firsts = {}, {}
for index, key in ipairs(KEYS) do
  local at = index * 5 - 4
  local kind, span, amount, limit = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local total, first = used(kind, key, span)
  local taken = total + (pending[key] or 0)
  if not (taken + amount <= limit or (taken == 0 and limit > 0)) then
    local ends = ''
    if kind == 'f' and limit > 0 then ends = text(span)
    elseif kind == 's' and limit > 0 and first then ends = slidingUntil(key, span, first, total, amount, limit)
    elseif kind == 's' and limit > 0 then ends = text(now) end
    return {'0', text(now), text(index - 1), ends}
  end
  pending[key] = (pending[key] or 0) + amount
end
local reply = {'1', text(now)}
for index, key in ipairs(KEYS) do
  local at = index * 5 - 4
  local kind, span, amount = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local place = ''
  if kind == 's' then place = slidingTake(key, span, amount)
  elseif kind == 'f' then fixedSet(key, span, fixedUsed(key, span) + amount)
  else leaseTake(key, span, amount, ARGV[at + 4]) end
  reply[index + 2] = place
end
return reply
`);

/** Per key: kind, span, difference, place (a millisecond or a holder). */
const settle = script(`
for index, key in ipairs(KEYS) do
  local at = index * 4 - 3
  local kind, span, more, place = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  if kind == 'l' then leaseEnd(key, place)
  elseif kind == 'f' then
    local known = redis.call('GET', key)
    if known or more > 0 then fixedSet(key, span, tonumber(known or '0') + more) end
  elseif tonumber(place) + span > now then
    -- What was taken while Redis was away was put in by another clock, which may be a millisecond off.
    local found, entry
    for _, near in ipairs({0, -1, 1}) do
      found = text(tonumber(place) + near)
      entry = redis.call('HGET', key, found)
      if entry then break end
    end
    if not entry and more < 0 then
      -- Or was put together with its neighbours, as late as the latest of them.
      found = redis.call('HGET', key, 'h')
      while found and found ~= '' do
        entry = redis.call('HGET', key, found)
        if tonumber(found) > tonumber(place) then break end
        local _, after = split(entry)
        found, entry = after, nil
      end
      if entry and tonumber(found) - tonumber(place) > span / 60 + 2 then entry = nil end
    end
    if entry then
      local amount, after = split(entry)
      more = math.max(more, -amount)
      local total = tonumber(redis.call('HGET', key, 't'))
      redis.call('HSET', key, found, text(amount + more) .. ':' .. after, 't', text(sane(total + more)))
    elseif more > 0 then slidingTake(key, span, more) end
  end
end
return '1'
`);

/** Per key: kind, span. */
const count = script(`
local reply = {}
for index, key in ipairs(KEYS) do
  reply[index] = text((used(ARGV[index * 2 - 1], key, tonumber(ARGV[index * 2]))))
end
return reply
`);

/** Per key: ttl, holder. */
const renew = script(`
for index, key in ipairs(KEYS) do
  local ttl, holder = tonumber(ARGV[index * 2 - 1]), ARGV[index * 2]
  leaseUsed(key)
  local entry = redis.call('HGET', key, holder)
  if entry then
    redis.call('HSET', key, holder, text((split(entry))) .. ':' .. text(now + ttl))
    if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
  end
end
return '1'
`);

/** Adds what was taken elsewhere. Per key: kind, span, amounts (`ms:amount,…`, a total, or an amount), holder. */
const adopt = script(`
for index, key in ipairs(KEYS) do
  local at = index * 4 - 3
  local kind, span, taken, holder = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  if kind == 'f' then fixedSet(key, span, fixedUsed(key, span) + tonumber(taken))
  elseif kind == 'l' then leaseTake(key, span, tonumber(taken), holder)
  else
    local parts, times, total = {}, {}, 0
    local function add(time, amount)
      if time + span <= now then return end
      if not parts[time] then times[#times + 1] = time end
      parts[time] = (parts[time] or 0) + amount
      total = total + amount
    end
    local all = redis.call('HGETALL', key)
    for each = 1, #all, 2 do
      local time = tonumber(all[each])
      if time then add(time, (split(all[each + 1]))) end
    end
    for time, amount in string.gmatch(taken, '([^:,]+):([^:,]+)') do
      add(math.min(tonumber(time), now), tonumber(amount))
    end
    redis.call('DEL', key)
    if #times > 0 then
      table.sort(times)
      for each, time in ipairs(times) do
        local after = times[each + 1] and text(times[each + 1]) or ''
        redis.call('HSET', key, text(time), text(parts[time]) .. ':' .. after)
      end
      redis.call('HSET', key, 'h', text(times[1]), 'l', text(times[#times]), 't', text(total))
      redis.call('PEXPIRE', key, times[#times] + span - now)
    end
  end
end
return '1'
`);

/** Says what time it is there and whether the data are those of before. It writes, because that is what must work. */
const hello = script(`
local era = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], era, 'EX', 31536000)
return {era, text(now)}
`);

export const scripts: { readonly [name in "reserve" | "settle" | "count" | "renew" | "adopt" | "hello"]: Script } = {
  reserve,
  settle,
  count,
  renew,
  adopt,
  hello,
};

function script(body: string): Script {
  const source = counters + body;
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}
