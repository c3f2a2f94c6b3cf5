-- The rules of assessment over raw rows. Reads the tables
--   delivered (world, service, metric, time, value, good, total, known_at)
--   excluding (world, service, starts, ends, reason, approved_by, agreement)
--   term      one promise of one service: its columns are in tables.sql
--   opening   (term, weekday, opens, closes): service hours, weekday 0 is Monday, minutes after midnight
--   holiday   (term, day)
-- and leaves the table `answer`. Instants are microseconds UTC, intervals half-open, a slot is its number since 1970.

-- == what holds: of one identity what was known last; then the greatest value, total, good ==========================
CREATE OR REPLACE TEMP TABLE held AS
SELECT world, service, metric, time, value, good, total
FROM delivered
QUALIFY row_number() OVER (
    PARTITION BY world, service, metric, time
    ORDER BY known_at DESC, coalesce(value::DOUBLE, 0) DESC, coalesce(total, 0) DESC, coalesce(good, 0) DESC,
             value IS NOT NULL DESC
) = 1;

-- == periods, cut to the validity ===================================================================================
CREATE OR REPLACE TEMP TABLE promise AS
WITH earliest AS (SELECT world, min(time) AS time FROM held GROUP BY world),
asked AS (
    SELECT t.*, least(coalesce(t.since, e.time, t.as_of - 1), t.as_of - 1) AS begins,
           rolling IS NOT NULL AS rolls,
           kind = 'ratio' AND weighting = 'events' AS weighs_events
    FROM term t LEFT JOIN earliest e USING (world)
)
SELECT *, greatest(begins, valid_from) AS asked_from, least(as_of, valid_to) AS asked_to
FROM asked
WHERE greatest(begins, valid_from) < least(as_of, valid_to);

CREATE OR REPLACE TEMP TABLE period AS
WITH step (unit, step) AS (
    VALUES ('day', INTERVAL 1 DAY), ('week', INTERVAL 7 DAY), ('month', INTERVAL 1 MONTH),
           ('quarter', INTERVAL 3 MONTH), ('year', INTERVAL 1 YEAR)
),
local AS (
    SELECT term, zone, step, asked_to, valid_from, valid_to,
           unnest(generate_series(
               date_trunc(unit, wall_clock(zone, asked_from)),
               wall_clock(zone, asked_to) + INTERVAL 2 DAY,
               step)) AS midnight
    FROM promise JOIN step USING (unit)
),
whole AS (
    SELECT *, instant_of(zone, midnight) AS starts, instant_of(zone, midnight + step) AS ends FROM local
),
cut AS (
    SELECT term, greatest(starts, valid_from) AS starts, least(ends, valid_to) AS ends
    FROM whole WHERE starts < ends AND starts < asked_to
    UNION ALL
    SELECT term, greatest(asked_to // slot * slot - rolling, valid_from), asked_to // slot * slot
    FROM promise
    WHERE rolls AND greatest(asked_to // slot * slot - rolling, valid_from) < asked_to // slot * slot
)
SELECT c.term, starts, ends, up_to_slot(starts, slot) AS first, up_to_slot(ends, slot) AS last,
       greatest(ends, up_to_slot(ends, slot) * slot) AS over_at
FROM cut c JOIN promise USING (term);

-- The slots that are looked at: [first, ended) have ended, those up to `last` are still to come.
CREATE OR REPLACE TEMP TABLE reach AS
WITH outer_bounds AS (SELECT term, min(starts) AS starts, max(last) AS last FROM period GROUP BY term),
bounds AS (
    SELECT p.term, p.slot, least(as_of // slot, up_to_slot(valid_to, slot)) AS ended, o.last,
           CASE WHEN rolls THEN greatest(begins // slot * slot - rolling, valid_from) ELSE o.starts END AS starts
    FROM promise p JOIN outer_bounds o USING (term)
)
SELECT term, least(up_to_slot(starts, slot), ended) AS first, ended, greatest(last, ended) AS last, slot
FROM bounds;

-- == what does not count ============================================================================================
CREATE OR REPLACE TEMP TABLE closed AS
WITH days AS (
    SELECT p.term, zone, unnest(generate_series(
        date_trunc('day', wall_clock(zone, r.first * r.slot)) - INTERVAL 9 DAY,
        date_trunc('day', wall_clock(zone, r.last * r.slot)) + INTERVAL 9 DAY, INTERVAL 1 DAY)) AS midnight
    FROM promise p JOIN reach r USING (term) WHERE has_hours
),
spans AS (
    SELECT term, instant_of(zone, midnight + INTERVAL 1 MINUTE * opens) AS opens,
           instant_of(zone, midnight + INTERVAL 1 MINUTE * closes) AS closes
    FROM days JOIN opening o USING (term)
    WHERE isodow(midnight) = o.weekday + 1
      AND NOT EXISTS (FROM holiday h WHERE h.term = days.term AND h.day = midnight::DATE)
      AND instant_of(zone, midnight) < instant_of(zone, midnight + INTERVAL 1 DAY)
),
edges AS (
    SELECT term, opens, closes FROM spans WHERE opens < closes
    UNION ALL SELECT term, 9223372036854775807, 9223372036854775807 FROM promise WHERE has_hours
)
SELECT term, coalesce(lag(closes) OVER (PARTITION BY term ORDER BY opens), -9223372036854775807) AS starts, opens AS ends
FROM edges;

CREATE OR REPLACE TEMP TABLE uncounted AS
WITH granted AS (
    SELECT term, starts, ends FROM closed WHERE starts < ends
    UNION  -- each once, so that the order below has no ties
    SELECT p.term, x.starts, x.ends
    FROM promise p JOIN excluding x USING (world)
    WHERE x.service IN (p.service, '*') AND (x.agreement IS NULL OR x.agreement = p.agreement)
      AND coalesce(x.approved_by, '') <> '' AND (p.admitted IS NULL OR list_contains(p.admitted, x.reason))
),
marked AS (
    SELECT *, coalesce(starts > max(ends) OVER before, true) AS begins_island
    FROM granted
    WINDOW before AS (PARTITION BY term ORDER BY starts, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
numbered AS (
    SELECT *, sum(begins_island::INTEGER) OVER (PARTITION BY term ORDER BY starts, ends ROWS UNBOUNDED PRECEDING) AS island
    FROM marked
)
SELECT term, min(starts) AS starts, max(ends) AS ends FROM numbered GROUP BY term, island;

-- == slots ==========================================================================================================
-- The rows that a term reads, in their slots: of the form its indicator reads, within the validity.
CREATE OR REPLACE TEMP TABLE reading AS
WITH finest AS (SELECT world, max(length(split_part(value, '.', 2))) AS places FROM held GROUP BY world)
SELECT p.term, h.time // p.slot AS number, h.time, h.good, h.total,
       greatest(coalesce(places, 0), length(split_part(coalesce(p.good_limit, ''), '.', 2)),
                length(split_part(coalesce(p.target_limit, ''), '.', 2)),
                length(split_part(coalesce(p.soft_limit, ''), '.', 2))) AS places,
       h.value, h.value::DOUBLE AS figure
FROM promise p
JOIN held h ON h.world = p.world AND h.service = p.service AND h.metric = p.metric
JOIN finest f ON f.world = p.world
WHERE h.time >= p.valid_from AND (p.valid_to IS NULL OR h.time < p.valid_to)
  AND CASE WHEN kind = 'ratio' THEN h.total > 0
           WHEN error_num IS NOT NULL THEN h.total IS NOT NULL
           ELSE h.value IS NOT NULL END;

CREATE OR REPLACE TEMP TABLE read_slot AS
SELECT r.term, r.number,
       sum(r.good::HUGEINT) AS good, sum(r.total::HUGEINT) AS total,
       CASE WHEN kind = 'ratio' THEN NULL
            WHEN kind = 'aggregate' THEN
                aggregate <> 'sum' AND NOT bool_and(meets(target_op, compared(figure, target_limit::DOUBLE)))
            WHEN error_num IS NOT NULL THEN
                sum(r.total::HUGEINT) > 0 AND sum(r.total::HUGEINT) >= min_total
                AND times((sum(r.total::HUGEINT) - sum(r.good::HUGEINT)), error_den) > times(sum(r.total::HUGEINT), error_num)
            WHEN slot_rule = 'any_bad' THEN NOT bool_and(meets(good_op, compared(figure, good_limit::DOUBLE)))
            WHEN slot_rule = 'all_bad' THEN NOT bool_or(meets(good_op, compared(figure, good_limit::DOUBLE)))
            WHEN slot_rule = 'last' THEN NOT arg_max(meets(good_op, compared(figure, good_limit::DOUBLE)), r.time)
            WHEN slot_rule = 'mean' THEN  -- the mean meets the limit as the sum of what lies beyond it meets zero
                NOT meets(good_op, compared(sum(scaled(value, places) - scaled(good_limit, places)), '0'::BIGNUM))
       END AS bad
FROM reading r JOIN promise p USING (term)
GROUP BY r.term, r.number, kind, aggregate, error_num, error_den, min_total, slot_rule, good_op, good_limit, target_op,
         target_limit;

CREATE OR REPLACE TEMP TABLE slot AS
WITH every AS (
    SELECT term, unnest(range(first, last)) AS number FROM reach
),
coverage AS (  -- the island that begins last before the slot does
    SELECT e.term, e.number, u.ends >= (e.number + 1) * p.slot AS excluded
    FROM every e JOIN promise p USING (term)
    ASOF LEFT JOIN uncounted u ON u.term = e.term AND u.starts <= e.number * p.slot
)
SELECT c.term, c.number, c.number < r.ended AS ended,
       CASE WHEN coalesce(c.excluded, false) THEN 'excluded' WHEN s.number IS NULL THEN 'missing' ELSE 'read' END AS state,
       state = 'read' OR (state = 'missing' AND p.missing <> 'exclude') AS eligible,
       CASE state WHEN 'read' THEN s.bad WHEN 'missing' THEN p.missing = 'bad' ELSE false END AS bad,
       CASE WHEN state = 'read' THEN s.good END AS good,
       CASE WHEN state = 'read' THEN s.total END AS total
FROM coverage c JOIN reach r USING (term) JOIN promise p USING (term)
LEFT JOIN read_slot s ON s.term = c.term AND s.number = c.number;

-- == runs: islands of slots that are bad, or are not, among those that take part ====================================
-- An island decides where it is long enough: bad ones that the service is down, others that it is up again. Bad slots
-- count from the one that decides; good ones too short to decide count as bad once the run goes on.
CREATE OR REPLACE TEMP TABLE run_slot AS
WITH taking_part AS (
    SELECT s.term, number, s.bad, p.consecutive, p.recovery,
           row_number() OVER (PARTITION BY s.term ORDER BY number)
           - row_number() OVER (PARTITION BY s.term, s.bad ORDER BY number) AS island
    FROM slot s JOIN promise p USING (term)
    WHERE ended AND eligible AND p.kind = 'availability'
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY term, bad, island ORDER BY number) AS place FROM taking_part
),
islands AS (
    SELECT term, bad, island, count(*) AS length, min(number) AS begins,
           max(number) FILTER (place = consecutive) AS deciding,
           CASE WHEN count(*) >= any_value(CASE WHEN bad THEN consecutive ELSE recovery END) THEN bad END AS decides
    FROM placed GROUP BY term, bad, island
),
told AS (
    SELECT *, lead(begins) OVER (PARTITION BY term ORDER BY begins) AS next_begins,
           coalesce(last_value(decides IGNORE NULLS) OVER (
               PARTITION BY term ORDER BY begins ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS down
    FROM islands
)
SELECT term, number,
       CASE WHEN bad AND down THEN number
            WHEN bad AND decides THEN greatest(number, deciding)
            WHEN NOT bad AND down AND decides IS NULL THEN next_begins END AS counted_at,
       decides IS NULL AND next_begins IS NULL AND bad <> down AS undecided
FROM placed JOIN told USING (term, bad, island);

-- == what slots spend ===============================================================================================
-- Budget is spent in parts of `parts` of a slot (or an event): 1 but for the mean of slots' ratios.
CREATE OR REPLACE TEMP TABLE spending AS
WITH lowest AS (
    SELECT s.term, number, (total - good) // gcd(total - good, total) AS above, total // gcd(total - good, total) AS below
    FROM slot s JOIN promise p USING (term)
    WHERE p.kind = 'ratio' AND p.weighting = 'slots' AND ended AND state = 'read'
),
kinds AS (SELECT term, list_sort(list(DISTINCT below)) AS belows FROM lowest GROUP BY term),
products AS (
    SELECT term, below,
           list_reduce(list_transform(list_filter(list_prepend(1::HUGEINT, belows), lambda x, i: i = 1 OR x <> below),
                                      lambda x: x::VARCHAR::BIGNUM),
                       lambda x, y: times(x, y)) AS others
    FROM (SELECT term, belows, unnest(belows) AS below FROM kinds)
),
share AS (SELECT term, below, others, times(others, below) AS parts FROM products),
all_parts AS (SELECT term, any_value(parts) AS parts FROM share GROUP BY term)
SELECT s.term, s.number, a.parts,
       CASE WHEN p.kind = 'availability' THEN (r.counted_at IS NOT NULL)::INTEGER::VARCHAR::BIGNUM
            WHEN p.weighs_events THEN (coalesce(total - good, 0))::VARCHAR::BIGNUM
            WHEN p.kind = 'aggregate' THEN '0'::BIGNUM
            WHEN s.state = 'read' THEN times(l.above, h.others)
            WHEN s.bad THEN coalesce(a.parts, '1'::BIGNUM) ELSE '0'::BIGNUM END AS spends,
       coalesce(r.counted_at, s.number) AS counted_at
FROM slot s JOIN promise p USING (term)
LEFT JOIN run_slot r ON r.term = s.term AND r.number = s.number
LEFT JOIN lowest l ON l.term = s.term AND l.number = s.number
LEFT JOIN share h ON h.term = s.term AND h.below = l.below
LEFT JOIN all_parts a ON a.term = s.term
WHERE s.ended;

-- What a whole unit of the base allows to be spent, multiplied by `per`: spent * per > allows * base breaks the target.
CREATE OR REPLACE TEMP TABLE allowance AS
WITH parted AS (SELECT term, any_value(coalesce(parts, '1'::BIGNUM)) AS parts FROM spending GROUP BY term)
SELECT p.term, coalesce(parts, '1'::BIGNUM) AS parts,
       target_den AS target_per, times(target_den - target_num, coalesce(parts, '1'::BIGNUM)) AS target_allows,
       soft_den AS soft_per, times(soft_den - soft_num, coalesce(parts, '1'::BIGNUM)) AS soft_allows,
       times(target_den, share_den) AS share_per,
       times(times(target_den - target_num, share_num), coalesce(parts, '1'::BIGNUM)) AS share_allows
FROM promise p LEFT JOIN parted USING (term)
WHERE kind <> 'aggregate';

-- == the course of a budget =========================================================================================
-- A slot enters at its end; of a rolling window it leaves when the window has passed over it.
CREATE OR REPLACE TEMP TABLE course AS
WITH whole AS (
    SELECT d.term, d.starts, d.first, d.last,
           CASE WHEN p.rolls OR p.weighs_events THEN 0 ELSE count(*) FILTER (s.state <> 'excluded') END AS base
    FROM period d JOIN promise p USING (term)
    LEFT JOIN slot s ON s.term = d.term AND s.number >= d.first AND s.number < d.last
    WHERE p.kind <> 'aggregate'
    GROUP BY d.term, d.starts, d.first, d.last, p.rolls, p.weighs_events
),
entry AS (
    SELECT d.term, d.starts, s.number, p.rolling // p.slot AS length, e.spends, e.counted_at,
           CASE WHEN p.weighs_events THEN coalesce(s.total, 0) ELSE s.eligible::HUGEINT END AS so_far,
           CASE WHEN p.weighs_events THEN coalesce(s.total, 0)
                WHEN p.rolls THEN s.eligible::HUGEINT
                ELSE -((s.state <> 'excluded' AND NOT s.eligible)::HUGEINT) END AS base
    FROM whole d JOIN promise p USING (term)
    JOIN slot s ON s.term = d.term AND s.ended AND (p.rolls OR (s.number >= d.first AND s.number < d.last))
    JOIN spending e ON e.term = s.term AND e.number = s.number
),
change AS (
    SELECT term, starts, number AS at_end, '0'::BIGNUM AS spent, so_far, base FROM entry
    UNION ALL SELECT term, starts, counted_at, spends, 0, 0 FROM entry
    UNION ALL SELECT term, starts, number + length, '0'::BIGNUM, -so_far, -base FROM entry WHERE length IS NOT NULL
    UNION ALL SELECT term, starts, greatest(number + length, counted_at), -spends, 0, 0 FROM entry WHERE length IS NOT NULL
    UNION ALL SELECT term, starts, first - 1, '0'::BIGNUM, 0, base FROM whole
),
step AS (
    SELECT term, starts, at_end, sum(spent) AS spent, sum(so_far) AS so_far, sum(base) AS base
    FROM change GROUP BY term, starts, at_end
),
running AS (
    SELECT term, starts, at_end, sum(spent) OVER up_to AS spent, sum(so_far) OVER up_to AS so_far, sum(base) OVER up_to AS base
    FROM step
    WINDOW up_to AS (PARTITION BY term, starts ORDER BY at_end ROWS UNBOUNDED PRECEDING)
)
SELECT r.*, so_far > 0 AS told,
       times(spent, target_per) > times(target_allows, base) AS missed,
       missed OR coalesce(times(spent, soft_per) > times(soft_allows, base), false)
              OR coalesce(spent > '0'::BIGNUM AND times(spent, share_per) >= times(share_allows, base), false) AS at_risk
FROM running r JOIN allowance USING (term) JOIN reach h USING (term) JOIN promise p USING (term)
JOIN period d ON d.term = r.term AND d.starts = r.starts
WHERE at_end < CASE WHEN p.rolls THEN d.last ELSE greatest(h.ended, d.first) END;

-- == the course of an aggregate =====================================================================================
CREATE OR REPLACE TEMP TABLE figure_course AS
WITH entry AS (
    SELECT d.term, d.starts, s.number, p.rolling // p.slot AS length, r.value, r.figure, r.places
    FROM period d JOIN promise p USING (term)
    JOIN slot s ON s.term = d.term AND s.ended AND s.state = 'read'
        AND (p.rolls OR (s.number >= d.first AND s.number < d.last))
    JOIN reading r ON r.term = s.term AND r.number = s.number
    WHERE p.kind = 'aggregate'
),
step AS (
    SELECT term, starts, number AS at_end FROM entry
    UNION SELECT term, starts, number + length FROM entry WHERE length IS NOT NULL
),
within AS (
    SELECT t.term, t.starts, t.at_end, list_sort(list(e.figure) FILTER (e.figure IS NOT NULL)) AS ordered,
           count(e.figure) AS number, max(e.places) AS places,
           sum(CASE WHEN p.aggregate IN ('sum', 'mean') THEN scaled(e.value, e.places) END) AS total,
           sum(CASE WHEN p.aggregate = 'mean' THEN scaled(e.value, e.places) - scaled(target_limit, e.places) END) AS beyond,
           sum(CASE WHEN p.aggregate = 'mean' THEN scaled(e.value, e.places) - scaled(soft_limit, e.places) END) AS soft_beyond
    FROM step t JOIN promise p USING (term)
    LEFT JOIN entry e ON e.term = t.term AND e.starts = t.starts AND e.number <= t.at_end
        AND (e.length IS NULL OR e.number > t.at_end - e.length)
    GROUP BY t.term, t.starts, t.at_end
),
ranked AS (
    SELECT w.*, CASE p.aggregate
                WHEN 'min' THEN ordered[1] WHEN 'max' THEN ordered[-1]
                ELSE ordered[greatest(((rank_num * w.number + rank_den - 1) // rank_den)::BIGINT, 1)] END AS figure
    FROM within w JOIN promise p USING (term)
),
sided AS (
    SELECT r.*, target_op, soft_op,
           CASE p.aggregate WHEN 'sum' THEN compared(total, scaled(target_limit, places))
                            WHEN 'mean' THEN compared(beyond, '0'::BIGNUM)
                            ELSE compared(figure, target_limit::DOUBLE) END AS side,
           CASE p.aggregate WHEN 'sum' THEN compared(total, scaled(soft_limit, places))
                            WHEN 'mean' THEN compared(soft_beyond, '0'::BIGNUM)
                            ELSE compared(figure, soft_limit::DOUBLE) END AS soft_side
    FROM ranked r JOIN promise p USING (term)
)
SELECT s.term, s.starts, at_end, number, places, total, figure, number > 0 AS told,
       number > 0 AND NOT meets(target_op, side) AS missed,
       missed OR coalesce(number > 0 AND NOT meets(soft_op, soft_side), false) AS at_risk
FROM sided s JOIN period d ON d.term = s.term AND d.starts = s.starts
WHERE at_end < d.last;

-- == thresholds =====================================================================================================
CREATE OR REPLACE TEMP TABLE crossing AS
WITH steps AS (
    SELECT term, starts, at_end, told, missed, at_risk FROM course
    UNION ALL SELECT term, starts, at_end, told, missed, at_risk FROM figure_course
),
seen AS (  -- a rolling window is looked at from the first slot that ends after what is assessed begins, if one does
    SELECT s.term, s.starts, s.at_end, p.slot, p.rolls, told AND missed AS missed, told AND at_risk AS at_risk,
           s.missed AS missed_ever, s.at_risk AS at_risk_ever, told,
           lead(at_end) OVER (PARTITION BY s.term, s.starts ORDER BY at_end) AS next_at,
           CASE WHEN p.rolls THEN greatest(p.begins // p.slot, h.first) END AS from_slot,
           CASE WHEN p.rolls THEN d.last END AS to_slot
    FROM steps s JOIN promise p USING (term) JOIN reach h USING (term)
    JOIN period d ON d.term = s.term AND d.starts = s.starts
),
turned AS (
    SELECT *, max(coalesce(next_at, to_slot)) FILTER (NOT missed) OVER whole AS missed_since,
           max(coalesce(next_at, to_slot)) FILTER (NOT at_risk) OVER whole AS at_risk_since
    FROM seen WINDOW whole AS (PARTITION BY term, starts)
)
SELECT term, starts,
       CASE WHEN any_value(rolls) THEN
                CASE WHEN any_value(from_slot < to_slot) AND bool_or(missed) FILTER (next_at IS NULL) THEN
                    (greatest(coalesce(any_value(missed_since), min(at_end)), any_value(from_slot)) + 1) * any_value(slot) END
            ELSE (min(at_end) FILTER (missed_ever) + 1) * any_value(slot) END AS violated_at,
       CASE WHEN any_value(rolls) THEN
                CASE WHEN any_value(from_slot < to_slot) AND bool_or(at_risk) FILTER (next_at IS NULL) THEN
                    (greatest(coalesce(any_value(at_risk_since), min(at_end)), any_value(from_slot)) + 1) * any_value(slot) END
            ELSE (min(at_end) FILTER (at_risk_ever) + 1) * any_value(slot) END AS at_risk_at,
       bool_or(missed_ever) FILTER (next_at IS NULL) AS missed,
       bool_or(at_risk_ever) FILTER (next_at IS NULL) AS at_risk,
       bool_or(told) FILTER (next_at IS NULL) AS told
FROM turned GROUP BY term, starts;

-- == verdicts =======================================================================================================
CREATE OR REPLACE TEMP TABLE answer AS
WITH counts AS (
    SELECT d.term, d.starts,
           count(*) FILTER (s.state = 'missing') AS missing, count(*) FILTER (s.state = 'excluded') AS excluded,
           count(*) FILTER (s.eligible) AS eligible,
           coalesce(sum(s.good), 0) AS good_events, coalesce(sum(s.total - s.good), 0) AS bad_events,
           count(*) FILTER (CASE WHEN p.kind = 'availability' THEN r.counted_at IS NOT NULL ELSE s.bad END) AS bad_slots,
           coalesce(bool_or(r.undecided), false) AS undecided
    FROM period d JOIN promise p USING (term)
    LEFT JOIN slot s ON s.term = d.term AND s.ended AND s.number >= d.first AND s.number < d.last
    LEFT JOIN run_slot r ON r.term = s.term AND r.number = s.number
    GROUP BY d.term, d.starts
),
last_budget AS (SELECT * FROM course WHERE (term, starts, at_end) IN (SELECT (term, starts, max(at_end)) FROM course GROUP BY term, starts)),
last_figure AS (
    SELECT * FROM figure_course
    WHERE (term, starts, at_end) IN (SELECT (term, starts, max(at_end)) FROM figure_course GROUP BY term, starts)
),
stood AS (
    SELECT d.*, p.world, p.kind, p.rolls, p.weighs_events, p.as_of >= d.over_at AS over, p.as_of, p.valid_to, p.slot,
           p.lateness, coalesce(c.told, false) AS told, coalesce(c.missed, false) AS missed,
           coalesce(c.at_risk, false) AS at_risk, c.at_risk_at,
           -- More events may still make good what was missed, unless nothing may be.
           CASE WHEN NOT p.rolls AND (p.kind = 'aggregate' OR (p.weighs_events AND p.target_num <> p.target_den))
                THEN CASE WHEN p.as_of >= d.over_at AND c.missed THEN d.over_at END
                ELSE c.violated_at END AS violated_at
    FROM period d JOIN promise p USING (term) LEFT JOIN crossing c ON c.term = d.term AND c.starts = d.starts
)
SELECT s.term, s.starts AS period_start, s.ends AS period_end,
       CASE WHEN NOT s.told THEN 'no_data'
            WHEN rolls THEN CASE WHEN s.missed THEN 'violated' WHEN s.at_risk THEN 'at_risk' ELSE 'met' END
            WHEN violated_at IS NOT NULL THEN 'violated'
            WHEN NOT over AND s.at_risk THEN 'at_risk' ELSE 'met' END AS status,
       CASE WHEN rolls THEN coalesce(as_of >= greatest(valid_to + lateness, up_to_slot(valid_to, s.slot) * s.slot), false)
            ELSE over AND as_of >= greatest(s.ends + lateness, s.last * s.slot)
                 AND (NOT undecided OR coalesce(h.ended * s.slot >= valid_to, false)) END AS final,
       CASE WHEN kind = 'ratio' THEN good_events ELSE eligible - bad_slots END::VARCHAR AS good,
       CASE WHEN kind = 'ratio' THEN bad_events ELSE bad_slots END::VARCHAR AS bad,
       missing, excluded,
       CASE WHEN s.told THEN at_risk_at END AS at_risk_at, CASE WHEN s.told THEN violated_at END AS violated_at,
       s.told, s.kind, b.spent::VARCHAR AS spent, b.so_far::VARCHAR AS so_far, b.base::VARCHAR AS base, a.parts::VARCHAR AS parts,
       f.total::VARCHAR AS total, f.number, f.places, f.figure
FROM stood s JOIN counts n ON n.term = s.term AND n.starts = s.starts
JOIN reach h ON h.term = s.term
LEFT JOIN last_budget b ON b.term = s.term AND b.starts = s.starts
LEFT JOIN allowance a ON a.term = s.term
LEFT JOIN last_figure f ON f.term = s.term AND f.starts = s.starts
ORDER BY s.term, s.starts;
