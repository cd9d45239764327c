-- For wrk: every request is a payment, by a random person out of a file, under a key of its own.
-- Arguments: the file (a line a person: session, what they pay from, user), who is paid ("-": somebody
-- else out of the file), the Product-ID, the PIN, how the keys of this run begin, and a file of pools (a
-- line each): where there are any, it is paid into one of those, or into the one that is named. With
-- "moneypool" at the end the file has the token, the id and the email of each, and that is paid through.

local payers, pools, target, key, count, moneypool = {}, {}, nil, nil, 0, false

function init(arguments)
  local product, pin = arguments[3], arguments[4]
  moneypool = arguments[7] == "moneypool"
  for line in io.lines(arguments[1]) do
    local session, source, user = line:match("(%S+) (%S+) (%S+)")
    local credential = moneypool
      and "\r\nAccept: application/vnd.moneypool.mx+json; version=1\r\nAuthorization: Token token="
        .. session .. "\r\nIdempotency-Key: "
      or "\r\nAuthorization: Bearer " .. session .. "\r\nCorrelation-ID: "
    payers[#payers + 1] = {
      user = user,
      path = "/api/users/" .. source .. "/mixed_payments",
      head = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
        .. "\r\nContent-Type: application/json\r\nProduct-ID: " .. product .. credential,
      tail = ',"funding_source_id":"' .. source .. '","pin":"' .. pin .. '"}',
    }
  end
  for pool in io.lines(arguments[6]) do
    pools[#pools + 1] = pool
  end
  target = arguments[2] ~= "-" and arguments[2] or nil
  key = arguments[5]
  -- The keys differ from run to run, and so do the people who meet.
  math.randomseed(tonumber(key:sub(1, 8), 16))
end

local function somebody(payer)
  local to = target
  while to == nil or to == payer.user do
    to = payers[math.random(#payers)].user
  end
  return to
end

local function to_somebody(payer, amount)
  return "/v1/payments",
    '{"currency":"EUR","description":"Lunch","recipient":{' .. amount .. ',"user_id":"' .. somebody(payer) .. '"}'
end

local function through_moneypool(payer, sum)
  return payer.path, '{"payment":{"payment_method":"wallet","wallet_amount":"' .. sum
    .. '","description":"Lunch","new_email":"' .. somebody(payer) .. '"}}'
end

local function into_a_pool(amount)
  local pool = target or pools[math.random(#pools)]
  return "/v1/pools/" .. pool .. "/participants", "{" .. amount
end

function request()
  local payer = payers[math.random(#payers)]
  local sum = string.format("%d.%02d", math.random(1, 20), math.random(0, 99))
  local amount = '"amount":' .. sum
  local path, body
  if moneypool then
    path, body = through_moneypool(payer, sum)
  elseif #pools > 0 then
    path, body = into_a_pool(amount)
    body = body .. payer.tail
  else
    path, body = to_somebody(payer, amount)
    body = body .. payer.tail
  end
  count = count + 1
  return "POST " .. path .. payer.head .. key .. string.format("%012x", count)
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "failures": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
