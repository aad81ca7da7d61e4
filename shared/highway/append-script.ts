/**
 * The one way in which anything gets into a module's stream (H2).
 *
 * Purpose: Redis can at any time hold less than the log, never something else. Any number of processes may race with
 * any parts of the log, out of order and repeatedly; none of them leads.
 *
 *  S1. The entry of position p is `p-0`, and is written only when the last one is p - 1. So positions in a stream are
 *      dense, and each is written and announced once in the stream's life. Each entry names its epoch.
 *  S2. What is there already is skipped; what would leave a gap is answered GAP with the last position, not written.
 *  S3. Nothing is known of a module, or what is known is of an earlier epoch: all of it is removed, and the answer is EMPTY,
 *      unless the call says `rebuild`: then the stream begins with it. (A rebuild that lies above all there is begins it anew.)
 *      The same where stream and place contradict each other, or are of another type: somebody else has written to them.
 *  S4. Redis knows a later epoch: nothing is touched, the answer is STALE.
 *  S5. What stands in the stream obeys the last forgetting that the place states (0: none). A call says which forgetting was
 *      known before its events were read; if Redis knows an earlier one, all that stands there is removed, and the stream goes
 *      on where it ended. The entry of a forgetting removes all below it in the same way. Events below the forgetting that
 *      Redis knows, read before it was known, are refused: the answer is FORGOTTEN. (An event never has to obey a
 *      forgetting below itself.) What is removed for a forgetting goes with its key: a trimmed entry is only marked in its
 *      node, and its text would go on into dumps, snapshots and replicas.
 *  S6. After every call that writes, entries and bytes are within their limits, but for one entry. Bytes are counted exactly.
 *
 * Failure: the script runs whole or not at all, but for a refusal to write (OOM, READONLY), which comes before its first
 * write and reaches the caller as an error.
 *
 * KEYS: stream, place. ARGV: mode, generation, identity, after, entriesMax, bytesMax, channel, forgetting; then for each
 * event, the first standing at after + 1: field (`e`, `f`, `r`), bytes, hint (empty: not to be announced).
 * Answers { status, last, bytes, forgetting }, the last being what the place states now.
 */
export const APPEND_SCRIPT = `
local stream, place = KEYS[1], KEYS[2]
local mode, generation, identity, after = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local entriesMax, bytesMax, channel, forgetting = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])

local function isOfType(key, wanted)
  local found = redis.call('TYPE', key).ok
  return found == wanted or found == 'none'
end

if not isOfType(place, 'hash') then
  redis.call('DEL', place)
end
local known = redis.call('HMGET', place, 'generation', 'identity', 'last', 'bytes', 'forgetting')
local knownGeneration = tonumber(known[1] or 0)
local last, bytes, knownForgetting = tonumber(known[3] or -1), tonumber(known[4] or 0), tonumber(known[5] or 0)

if knownGeneration > generation then
  return {'STALE', knownGeneration, 0, 0}
end
if last < 0 or not isOfType(stream, 'stream') or knownGeneration < generation or known[2] ~= identity then
  redis.call('DEL', stream, place)
  if mode ~= 'rebuild' then
    return {'EMPTY', 0, 0, 0}
  end
  last, bytes, knownForgetting = after, 0, forgetting
elseif forgetting > knownForgetting then
  redis.call('DEL', stream)
  bytes, knownForgetting = 0, forgetting
end
if mode == 'rebuild' and after > last and (forgetting == knownForgetting or after + 1 >= knownForgetting) then
  redis.call('DEL', stream)
  last, bytes = after, 0
end

local status, added, addedBytes = 'OK', 0, 0
for i = 9, #ARGV, 3 do
  local position = after + (i - 9) / 3 + 1
  if position > last and position < knownForgetting and forgetting < knownForgetting then
    status = 'FORGOTTEN'
    break
  end
  if position > last + 1 then
    status = 'GAP'
    break
  end
  if position == last + 1 then
    if ARGV[i] == 'f' then
      redis.call('DEL', stream)
      added, addedBytes, knownForgetting = 0, 0, math.max(knownForgetting, position)
    end
    local written = redis.pcall('XADD', stream, string.format('%.0f-0', position), ARGV[i], ARGV[i + 1], 'i', identity)
    if type(written) == 'table' and written.err then
      if not string.find(written.err, 'equal or smaller', 1, true) then
        return written
      end
      redis.call('DEL', stream, place)
      return {'EMPTY', 0, 0, 0}
    end
    if ARGV[i + 2] ~= '' then
      redis.call('PUBLISH', channel, ARGV[i + 2])
    end
    last, added, addedBytes = position, added + 1, addedBytes + #ARGV[i + 1]
  end
end

local length = redis.call('XLEN', stream)
-- Somebody else may have emptied the stream: what it held is then no longer to be counted.
bytes = (length == added) and addedBytes or (bytes + addedBytes)

if length > entriesMax or bytes > bytesMax then
  -- A little below the limits, so that a full stream is not trimmed at every call.
  local entriesLow, bytesLow = entriesMax - math.floor(entriesMax / 64), bytesMax - math.floor(bytesMax / 64)
  while length > 1 and (length > entriesLow or bytes > bytesLow) do
    local oldest, keep = redis.call('XRANGE', stream, '-', '+', 'COUNT', 33), 1
    while keep < #oldest and (length > entriesLow or bytes > bytesLow) do
      bytes, length, keep = bytes - #oldest[keep][2][2], length - 1, keep + 1
    end
    redis.call('XTRIM', stream, 'MINID', oldest[keep][1])
  end
end

redis.call('HSET', place, 'generation', ARGV[2], 'identity', identity, 'last', string.format('%.0f', last), 'bytes', string.format('%.0f', bytes), 'forgetting', string.format('%.0f', knownForgetting))
return {status, last, bytes, knownForgetting}
`;
