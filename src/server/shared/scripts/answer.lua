-- The asker is told what became of what it handed over, behind `post`. ARGV[5], [6]: its server and generation; [7]: the id;
-- [8]: what. A repeat tells it once more, which it passes over.
if is_here(ARGV[5], ARGV[6]) then post(ARGV[5], ARGV[6], 'k', 'answer', 'id', ARGV[7], 'what', ARGV[8]) end
return {'OK'}
