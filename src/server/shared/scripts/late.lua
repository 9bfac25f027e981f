-- For scripts that cannot see whether they are a repeat, behind the guard.
if late then return {'LATE'} end
