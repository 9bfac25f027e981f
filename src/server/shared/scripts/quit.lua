-- A server ends in order: nobody has to wait for its lease.
bury(server)
return {'OK', text(sweep())}
