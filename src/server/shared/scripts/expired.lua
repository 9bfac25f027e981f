-- Whether a ban is over at a minute, written as its end is: texts of one length, the larger the later.
local function is_over(row, minute)
    local until_when = string.match(row, '^([^,]*),')
    return until_when and until_when ~= '' and until_when <= minute
end
