-- The raw rows and the plain figures of promises. Instants and durations are microseconds; `world` tells apart the
-- questions that are asked at once. Decimals are text without an exponent; shares are whole numbers, num / den.
CREATE OR REPLACE TEMP TABLE delivered (
    world INTEGER, service VARCHAR, metric VARCHAR, time BIGINT, value VARCHAR, good BIGINT, total BIGINT, known_at BIGINT
);
CREATE OR REPLACE TEMP TABLE excluding (
    world INTEGER, service VARCHAR, starts BIGINT, ends BIGINT, reason VARCHAR, approved_by VARCHAR, agreement VARCHAR
);
CREATE OR REPLACE TEMP TABLE term (
    world INTEGER, term INTEGER, agreement VARCHAR, service VARCHAR, metric VARCHAR,
    as_of BIGINT, since BIGINT, lateness BIGINT,
    zone VARCHAR, valid_from BIGINT, valid_to BIGINT, unit VARCHAR, rolling BIGINT, has_hours BOOLEAN, admitted VARCHAR[],
    kind VARCHAR, slot BIGINT, missing VARCHAR,
    good_op VARCHAR, good_limit VARCHAR, slot_rule VARCHAR, error_num BIGNUM, error_den BIGNUM, min_total BIGINT,
    consecutive BIGINT, recovery BIGINT,
    weighting VARCHAR,
    aggregate VARCHAR, rank_num HUGEINT, rank_den HUGEINT,
    target_num BIGNUM, target_den BIGNUM, target_op VARCHAR, target_limit VARCHAR,
    soft_num BIGNUM, soft_den BIGNUM, soft_op VARCHAR, soft_limit VARCHAR,
    share_num BIGNUM, share_den BIGNUM  -- of the budget spent
);
CREATE OR REPLACE TEMP TABLE opening (term INTEGER, weekday INTEGER, opens INTEGER, closes INTEGER);
CREATE OR REPLACE TEMP TABLE holiday (term INTEGER, day DATE);
