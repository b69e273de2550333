/**
 * The Lua script that decides in Redis what `rate-limit-store.ts` and `rate-counters.ts` decide in memory: all charges
 * of one operation in one step that nothing can come between, in the time of Redis. A change there is a change here.
 * KEYS: the counters. ARGV[1]: a `ScriptRequest`. Answers whole numbers, as `readScriptAnswer` reads them.
 */
import type { ChargeOutcome, ChargeRequest, RefusedUnit } from './rate-limit-store';

/** The moment of the decision: replicas whose clocks differ must agree. */
const redisTime = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * The script. A sliding window is a list of "moment:before:after", before and after being what was ever counted before
 * and after a charge: so its first and last entries tell the sum. A token bucket is "level:moment".
 */
export function chargeScript(clock: string = redisTime): string {
  return `
local request = cjson.decode(ARGV[1])
${clock}
if request.notAfter > 0 and now > request.notAfter then return {0, now} end

local function text(number) return string.format('%.0f', number) end

local counters = {}
for index, quota in ipairs(request.counters) do
  local key = KEYS[index]
  local counter = {key = key, isBucket = quota[1] == 1, max = quota[2], window = quota[3], pending = 0, cost = 0}
  counters[index] = counter
  if counter.isBucket then
    local full = counter.max * counter.window
    local level, at = string.match(redis.call('GET', key) or '', '^(%d+):(%d+)$')
    level, at = math.min(tonumber(level or 0), full), tonumber(at or 0)
    local elapsed = math.min(math.max(0, now - at), counter.window)
    counter.level = math.max(0, level - elapsed * counter.max)
    if at > now then redis.call('SET', key, text(level) .. ':' .. text(now), 'PX', counter.window) end
  else
    local function entry(position)
      local at, before, after = string.match(redis.call('LINDEX', key, position) or '', '^(%d+):(%d+):(%d+)$')
      if at then return {at = tonumber(at), before = tonumber(before), after = tonumber(after)} end
    end
    counter.entry = entry
    counter.push = function(at, before, after)
      redis.call('RPUSH', key, text(at) .. ':' .. text(before) .. ':' .. text(after))
      redis.call('PEXPIRE', key, counter.window)
    end
    local last, ahead = entry(-1), nil
    while last and last.at > now do
      ahead = {before = last.before, after = (ahead or last).after}
      redis.call('RPOP', key)
      last = entry(-1)
    end
    if ahead then
      counter.push(now, ahead.before, ahead.after)
      last = {at = now, before = ahead.before, after = ahead.after}
    end
    local first = entry(0)
    while first and first.at + counter.window <= now do
      redis.call('LPOP', key)
      first = entry(0)
    end
    if not first then last = nil end
    counter.first, counter.last = first, last
    counter.total = first and last.after - first.before or 0
  end
end

local function waitFor(counter, cost)
  local wanted = counter.pending + cost
  if counter.isBucket then
    if wanted > counter.max then return counter.window end
    local excess = counter.level + (wanted - counter.max) * counter.window
    return excess <= 0 and 0 or math.ceil(excess / counter.max)
  end
  local excess = counter.total + wanted - counter.max
  if excess <= 0 then return 0 end
  if excess > counter.total then return counter.window end
  -- The first mark with whose end enough has come back.
  local low, high = 0, redis.call('LLEN', counter.key) - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if counter.entry(middle).after - counter.first.before >= excess then high = middle else low = middle + 1 end
  end
  return counter.entry(low).at + counter.window - now
end

local refused, isRefused, isWhollyRefused = {}, {}, false
local runs = request.hasFreeRootFields
for index, unit in ipairs(request.units) do
  local scope, parent = unit[1], unit[2]
  if parent > 0 and isRefused[parent] then
    isRefused[index] = true
  else
    local longest, refusing = 0, 0
    for position = 3, #unit, 3 do
      local wait = waitFor(counters[unit[position]], unit[position + 1])
      if wait > longest then longest, refusing = wait, unit[position] end
    end
    if longest > 0 then
      isRefused[index] = true
      refused[#refused + 1] = {index, refusing, longest}
      if request.refusesWholly or scope == 0 then isWhollyRefused = true end
      if scope == 0 then break end
    else
      if scope == 1 then runs = true end
      for position = 3, #unit, 3 do
        local counter, isReadOnly = counters[unit[position]], unit[position + 2] >= 2
        if not isReadOnly then counter.pending = counter.pending + unit[position + 1] end
      end
    end
  end
end
if not runs then isWhollyRefused = true end

for _, counter in ipairs(counters) do
  if not isWhollyRefused then counter.cost = counter.pending end
end
for _, refusal in ipairs(refused) do
  local unit = request.units[refusal[1]]
  for position = 3, #unit, 3 do
    local counter, countsRejected = counters[unit[position]], unit[position + 2] == 1
    if countsRejected then counter.cost = counter.cost + unit[position + 1] end
  end
end

local answer = {1, now, isWhollyRefused and 1 or 0, #refused}
for _, refusal in ipairs(refused) do
  for position = 1, 3 do answer[#answer + 1] = refusal[position] end
end
for _, counter in ipairs(counters) do
  if counter.isBucket then
    local full = counter.max * counter.window
    if counter.cost > 0 then
      counter.level = math.min(counter.level + counter.cost * counter.window, full)
      redis.call('SET', counter.key, text(counter.level) .. ':' .. text(now), 'PX', counter.window)
    end
    local rest = counter.level % counter.window
    if rest == 0 then rest = counter.window end
    answer[#answer + 1] = math.floor((full - counter.level) / counter.window)
    answer[#answer + 1] = counter.level == 0 and 0 or math.ceil(rest / counter.max)
  else
    if counter.cost > 0 then
      local cost = math.min(counter.cost, counter.max)
      local before = counter.last and counter.last.after or 0
      if counter.last and counter.last.at == now then
        redis.call('RPOP', counter.key)
        counter.push(now, counter.last.before, before + cost)
      else
        counter.push(now, before, before + cost)
      end
      local first = counter.entry(0)
      local excess = before + cost - first.before - counter.max
      while excess > 0 do
        local held = first.after - first.before
        if held <= excess then
          redis.call('LPOP', counter.key)
          excess = excess - held
          first = counter.entry(0)
        else
          first.before = first.before + excess
          redis.call('LSET', counter.key, 0, text(first.at) .. ':' .. text(first.before) .. ':' .. text(first.after))
          excess = 0
        end
      end
      counter.first, counter.total = first, before + cost - first.before
    end
    answer[#answer + 1] = counter.max - counter.total
    answer[#answer + 1] = counter.first and counter.first.at + counter.window - now or 0
  end
end
return answer
`;
}

const scopes = { operation: 0, 'root field': 1, field: 2 } as const;
const algorithms = { 'sliding-window': 0, 'token-bucket': 1 } as const;

/** `notAfter`: the moment in Redis' time after which nobody waits for the answer; 0 when that is not known. */
export function writeScriptRequest(request: ChargeRequest, notAfter: number): string {
  const { counters, units, refusesWholly, hasFreeRootFields } = request;
  return JSON.stringify({
    notAfter,
    refusesWholly,
    // Without charged root fields nothing can be refused that leaves nothing.
    hasFreeRootFields: hasFreeRootFields || !units.some(({ scope }) => scope === 'root field'),
    counters: counters.map(({ quota: { algorithm, max, windowMs } }) => [algorithms[algorithm], max, windowMs]),
    // Lua counts from 1.
    units: units.map(({ charges, scope, parent }) => [
      scopes[scope],
      parent === undefined ? 0 : parent + 1,
      ...charges.flatMap(({ counter, cost, countsRejected, isReadOnly }) => [
        counter + 1,
        cost,
        isReadOnly ? 2 : countsRejected ? 1 : 0,
      ]),
    ]),
  });
}

export type ScriptAnswer =
  | { readonly kind: 'decided'; readonly now: number; readonly outcome: ChargeOutcome }
  /** It came too late for `notAfter`: nothing was charged. */
  | { readonly kind: 'late'; readonly now: number };

/** Undefined for anything that the script does not answer. */
export function readScriptAnswer(answer: unknown): ScriptAnswer | undefined {
  if (!Array.isArray(answer) || !answer.every((item) => typeof item === 'number')) return undefined;
  const [isDecided, now = 0, isWhollyRefused, refusals = 0, ...rest] = answer as number[];
  if (isDecided === 0) return { kind: 'late', now };
  const triples = rest.slice(0, 3 * refusals);
  const pairs = rest.slice(3 * refusals);
  const refused: RefusedUnit[] = [];
  for (let at = 0; at + 2 < triples.length; at += 3) {
    const [unit = 1, counter = 1, waitMs = 0] = triples.slice(at, at + 3);
    refused.push({ unit: unit - 1, counter: counter - 1, waitMs });
  }
  const counters: { remaining: number; resetMs: number }[] = [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    counters.push({ remaining: pairs[at] ?? 0, resetMs: pairs[at + 1] ?? 0 });
  }
  return { kind: 'decided', now, outcome: { isWhollyRefused: isWhollyRefused === 1, refused, counters } };
}
