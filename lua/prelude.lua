-- SPDX-License-Identifier: Apache-2.0
-- prelude - the part of the table library that loops: in Lua, so that the instruction budget of
-- an evaluation counts every step of it. Returns a function that fills the table it is given.
-- Reads and writes are plain; a read-only table says so itself.

local error, type, select, rawlen = ...

local function check_table(t, name)
	if type(t) ~= "table" then
		error("table." .. name .. " wants a table, not a " .. type(t), 3)
	end
	return t
end

local function check_integer(v, name)
	if type(v) ~= "number" or v % 1 ~= 0 then
		error("table." .. name .. " wants a whole number", 3)
	end
	return v
end

-- insert(t, v) appends; insert(t, at, v) moves what is at and after it up by one.
local function insert(t, ...)
	check_table(t, "insert")
	local n, count = rawlen(t), select("#", ...)
	if count == 1 then
		t[n + 1] = (...)
	elseif count == 2 then
		local at, v = ...
		check_integer(at, "insert")
		if at < 1 or at > n + 1 then
			error("table.insert: position " .. at .. " is outside of the list", 2)
		end
		for i = n, at, -1 do
			t[i + 1] = t[i]
		end
		t[at] = v
	else
		error("table.insert wants a table, a position if any, and a value", 2)
	end
end

-- remove(t [, at]): takes the last value, or the one at a position, out of the list.
local function remove(t, at)
	check_table(t, "remove")
	local n = rawlen(t)
	at = check_integer(at or n, "remove")
	if n == 0 and (at == 0 or at == n) then
		return nil
	end
	if at < 1 or at > n + 1 then
		error("table.remove: position " .. at .. " is outside of the list", 2)
	end
	local v = t[at]
	for i = at, n - 1 do
		t[i] = t[i + 1]
	end
	if at <= n then
		t[n] = nil
	end
	return v
end

-- move(from, first, last, at [, to]): copies from[first..last] to to[at..].
local function move(from, first, last, at, to)
	check_table(from, "move")
	to = check_table(to or from, "move")
	check_integer(first, "move")
	check_integer(last, "move")
	check_integer(at, "move")
	if last < first then
		return to
	end
	if last - first < 0 or at + (last - first) < at then
		error("table.move: too many values", 2)
	end
	if at > last or at <= first or to ~= from then
		for i = 0, last - first do
			to[at + i] = from[first + i]
		end
	else
		for i = last - first, 0, -1 do
			to[at + i] = from[first + i]
		end
	end
	return to
end

-- pack(...): a list of the arguments, n their number.
local function pack(...)
	return { n = select("#", ...), ... }
end

local function less(a, b)
	return a < b
end

-- sort(t [, before]): a merge sort, so equal values keep their order and a false comparison
-- function does no harm.
local function sort(t, before)
	check_table(t, "sort")
	before = before or less
	if type(before) ~= "function" then
		error("table.sort wants a function to compare with", 2)
	end
	local n = rawlen(t)
	local from, to, width = t, {}, 1
	while width < n do
		for lo = 1, n, 2 * width do
			local mid, hi = lo + width, lo + 2 * width
			if mid > n + 1 then mid = n + 1 end
			if hi > n + 1 then hi = n + 1 end
			local a, b = lo, mid
			for k = lo, hi - 1 do
				if b >= hi or (a < mid and not before(from[b], from[a])) then
					to[k] = from[a]
					a = a + 1
				else
					to[k] = from[b]
					b = b + 1
				end
			end
		end
		from, to = to, from
		width = 2 * width
	end
	if from ~= t then
		for i = 1, n do
			t[i] = from[i]
		end
	end
end

return function(library)
	library.insert = insert
	library.remove = remove
	library.move = move
	library.pack = pack
	library.sort = sort
end
