-- Exact arithmetic and local time, as macros. DuckDB's BIGNUM holds whole numbers of any length, but only adds and
-- compares them; its products are made here, of digits. No DOUBLE decides anything but the comparison of one measured
-- value with a bound, which the rules make between doubles.

-- The digits of a whole number in groups of 18, the last group first.
CREATE OR REPLACE MACRO groups_of(x) AS
    list_transform(
        range(0, (length(x) + 17) // 18),
        lambda i: substr(lpad(x, 18 * ((length(x) + 17) // 18)::INTEGER, '0'),
                         length(lpad(x, 18 * ((length(x) + 17) // 18)::INTEGER, '0')) - 18 * i::INTEGER - 17, 18)::HUGEINT
    );

CREATE OR REPLACE MACRO long_product(x, y) AS
    list_reduce(
        flatten(list_transform(groups_of(x), lambda a, i:
            list_transform(groups_of(y), lambda b, j:
                ((a * b)::VARCHAR || repeat('0', 18 * (i + j - 2)::INTEGER))::BIGNUM))),
        lambda a, b: a + b, '0'::BIGNUM
    );

-- The product of two whole numbers that are not negative, as BIGNUM.
CREATE OR REPLACE MACRO times(x, y) AS
    CASE WHEN x IS NULL OR y IS NULL THEN NULL
         WHEN length(x::VARCHAR) + length(y::VARCHAR) <= 38
         THEN (x::VARCHAR::HUGEINT * y::VARCHAR::HUGEINT)::VARCHAR::BIGNUM
         ELSE long_product(x::VARCHAR, y::VARCHAR) END;

-- A decimal as the whole number of its parts of 10 ** places. `x` is written without an exponent.
CREATE OR REPLACE MACRO scaled(x, places) AS
    (split_part(x, '.', 1) || rpad(split_part(x, '.', 2), places::INTEGER, '0'))::BIGNUM;

-- -1, 0 or 1, as x is less than, equal to or greater than y.
CREATE OR REPLACE MACRO compared(x, y) AS CASE WHEN x < y THEN -1 WHEN x > y THEN 1 WHEN x = y THEN 0 END;

-- Whether a figure that compares so with the limit meets the bound.
CREATE OR REPLACE MACRO meets(operator, comparison) AS
    CASE operator WHEN '<=' THEN comparison <= 0 WHEN '<' THEN comparison < 0
                  WHEN '>=' THEN comparison >= 0 WHEN '>' THEN comparison > 0
                  WHEN '==' THEN comparison = 0 WHEN '!=' THEN comparison <> 0 END;

CREATE OR REPLACE MACRO up_to_slot(instant, slot) AS (instant + slot - 1) // slot;

CREATE OR REPLACE MACRO wall_clock(zone, instant) AS timezone(zone, make_timestamptz(instant::BIGINT));

-- The first instant (microseconds UTC) at which clocks in the zone show a local time; ICU gives the second of two. A
-- time that the clocks skip is read with the offset before the change.
CREATE OR REPLACE MACRO instant_of(zone, wall) AS
    CASE WHEN timezone(zone, timezone(zone, wall::TIMESTAMP) - INTERVAL 1 HOUR) = wall::TIMESTAMP
         THEN epoch_us(timezone(zone, wall::TIMESTAMP)) - 3600000000
         ELSE epoch_us(timezone(zone, wall::TIMESTAMP)) END;
