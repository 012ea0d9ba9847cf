-- The accounts between which prizes are moved.
select ledger.declare_account(
    'luckywalk.prizes', 'house', 'KRW', 'What LuckyWalk paid out in prizes, below zero.', true
);

select ledger.declare_account('luckywalk.wallet', 'person', 'KRW', 'A walker''s prizes, to spend.', false);

select ledger.declare_account(
    'luckywalk.held', 'person', 'KRW', 'A walker''s large prizes, held until the identity check.', false
);
