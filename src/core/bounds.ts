/**
 * Every limit of Holdfast, named once with its unit. Nothing in the library is unbounded; what is too large
 * is refused with a typed error or cut off, as the comment beside it says.
 */

/**
 * Operations of one commit call: keys and records named in `remove`, `add`, `append`, `set` and `delete`; a move counts
 * limit x (1 + places); `expect` is free. More is refused.
 */
export const UNIT_OPERATIONS = 800
/**
 * Operations that Holdfast itself puts into one call where several do as well: a server that many share is everybody's for no longer
 * than one call takes it, about a millisecond for so many. What has to be one unit may be larger.
 */
export const CALL_OPERATIONS = 200
/** Bytes (UTF-8) of all text in one commit call. More is refused. */
export const UNIT_BYTES = 512 * 1024
/** Bytes (UTF-8) of one record. A larger one is refused. */
export const VALUE_BYTES = 256 * 1024
/** Bytes of one key, lane name or record id. A longer one is refused. */
export const KEY_BYTES = 1024

/** Jobs or schedules that one call lists. */
export const LIST_MOST = 1000
/** Keys of a page when the library walks a lane. */
export const PAGE_KEYS = 200
/** Due (or parked) jobs that one move of a work cycle puts in line; more come with the cycles that follow at once. */
export const PROMOTE_JOBS = 100

/** Bytes of an escaped queue name or worker name. A longer one is refused. */
export const NAME_BYTES = 128
/** Bytes of an escaped job id given by a user. A longer one is refused. */
export const JOB_ID_BYTES = 256
/** Characters of a job's name. A longer one is refused. */
export const JOB_NAME_CHARACTERS = 256
/** Bytes of a job's data or result as encoded, less the codec's eight. Larger data is refused; a larger result fails the attempt for good. */
export const PAYLOAD_BYTES = VALUE_BYTES - 8
/** Bytes up to which data and result stay inside the job's head record; above, they get records of their own. */
export const INLINE_BYTES = 1024
/** Depth to which data may be nested. Deeper is refused. */
export const PAYLOAD_DEPTH = 500
/** Bytes of a job's metadata as JSON. More is refused. */
export const METADATA_BYTES = 2048
/** Tags of one job, and bytes of one as escaped. More, or longer ones, are refused. */
export const TAGS_MOST = 8
export const TAG_BYTES = 128
/** Bytes of an escaped idempotency key or deduplication id. A longer one is refused. */
export const KEY_TEXT_BYTES = 256
/** Milliseconds for which an idempotency key holds when `idempotencyKeyTTL` is not given: 24 hours. */
export const IDEMPOTENCY_MS = 24 * 3_600_000
/** Milliseconds after which an idempotency key whose time is over, and whose job lived then, is looked at again. */
export const IDEMPOTENCY_AGAIN_MS = 3_600_000
/** Bytes of one history entry's error, message and stack together. Longer text is cut. */
export const ERROR_BYTES = 8 * 1024
/** Bytes of an error's message as the job's head keeps it (`failedReason`). Longer text is cut. */
export const REASON_BYTES = 1024
/** Bytes of what a dead letter tells of its origin's history and log; the newest that fit are kept. */
export const ORIGIN_BYTES = 128 * 1024
/** Issues of a schema that a message tells; how many more there are is said. */
export const ISSUES_TOLD = 5
/** Bytes of each of them, path and message. Longer text is cut. */
export const ISSUE_BYTES = 160
/** Lines of a queue's audit; the newest are kept. */
export const AUDIT_LINES = 1000
/** Bytes of one such line; a reason that does not fit is cut. */
export const AUDIT_BYTES = 900
/** Bytes of who intervened. A longer text is refused. */
export const ACTOR_BYTES = 128
/** Entries of a job's history; the newest are kept. */
export const HISTORY_ENTRIES = 20
/** Bytes of one log line. Longer text is cut. */
export const LOG_LINE_BYTES = 4 * 1024
/** Lines of a job's log that are kept when `keepLogs` is not given, and the most that can be asked for. */
export const LOG_LINES = 100
export const LOG_LINES_MOST = 200

/** Keys that one unit moves from one lane to another, beside a change of one operation. */
export const RELEASE_JOBS = CALL_OPERATIONS / 2 - 1
/** Milliseconds after which a worker that does not say so any more counts as gone, where more than one process uses the store. */
export const WORKER_MS = 180_000
/** Workers that `getWorkers` lists, and keys that `explain` looks at before it says "or more". */
export const WORKERS_LISTED = 1000
export const EXPLAIN_AHEAD = 1000
/** Bytes of the escaped names of jobs that a worker's key tells. More are not told. */
export const WORKER_NAMES_BYTES = 400
/** Jobs that one call of `find` gives at most, and keys that it looks at: beyond, the next call goes on. */
export const FIND_JOBS = 1000
export const FIND_KEYS = 4000
/** Milliseconds after which a bulk that is being stored and makes no progress is taken for abandoned. */
export const BULK_MS = 60_000
/** Units of a bulk that are on their way at once. */
export const BULK_UNITS = 16
/** Moves of a stored bulk into line that are on their way at once. */
export const RELEASES = 12
/** Jobs of a bulk that are checked or made between two turns of the event loop. */
export const TURN_JOBS = 500
/** Milliseconds of one turn after which jobs that are added wait for the next turn. */
export const TURN_MS = 10
/** The same for commits of one memory store: more, so that those of jobs that had their turn seldom wait once more. */
export const COMMIT_TURN_MS = 20
/** Total tries of a job. */
export const ATTEMPTS_MOST = 1_000_000_000
/** Numbers of a priority: 0 to this. */
export const PRIORITY_MOST = 2_097_151
/** The last moment a job can be due, ms since the epoch (the year 2286): times are 13 digits in keys. */
export const TIME_MOST = 9_999_999_999_999
/** The longest duration an option takes, in ms: a hundred years. */
export const DURATION_MOST = 100 * 365 * 24 * 3_600_000
/** Handlers one worker runs at once. */
export const CONCURRENCY_MOST = 10_000
/** Jobs of one batch: what one claim takes, whatever the limits of its queue, and is one move into or out of line. */
export const BATCH_JOBS_MOST = 100
/** Jobs that one move takes out of line where they are too few for a batch. */
export const GATHER_JOBS = CALL_OPERATIONS / 2

/** Groups that one cycle visits at most. */
export const VISITS_MOST = 20
/** Jobs that one visit takes at most. */
export const VISIT_JOBS = 80
/** Jobs that a group waits for which one look takes note of. */
export const PENNED_JOBS = 10
/** Jobs of a visit by a group's weight. */
export const WEIGHT_MOST = 80
/** The most that `maxSize` of a group can say. */
export const GROUP_JOBS_MOST = 1_000_000_000
/** Jobs that one step brings into their groups. */
export const ARRIVALS = 100
/** Of them those of one group, before it is another's turn. */
export const ARRIVALS_AT_ONCE = 20
/** Milliseconds before a job of a group is looked at again that found no room for its name. */
export const NAME_WAIT = 1000

/** The most starts a rate limit can say. */
export const RATE_MOST = 1_000_000_000
/** Keys of the lane that counts the starts of one window. A limit above is counted over a part of its time. */
export const WINDOW_KEYS = 10_000
/** Where many processes share a store, how late a claim's answer may come for its jobs to be started under a rate limit, in ms: as long as the window, within these. */
export const LATE_LEAST = 1000
export const LATE_MOST = 10_000
/** Starts that have left a window which one claim forgets at least, where there are so many. */
export const TRIM_KEYS = 50
/** The shortest part of a window that a smooth limit is counted over, in ms, unless one start takes less: below it timers and round trips would eat the budget. */
export const SMOOTH_LEAST = 20
/** Parts that are tried for one that wastes next to nothing. */
export const SMOOTH_TRIES = 1000

/** The longest a backoff waits when `maxDelay` is not given, in ms: 24 hours. */
export const BACKOFF_MOST = 24 * 3_600_000
/** The least that a stalled job waits, in ms. */
export const STALL_WAIT = 1000
/** Finished jobs kept when the job's options do not say. */
export const COMPLETED_KEPT = 1000
export const FAILED_KEPT = 5000

/** Characters of a cron pattern. A longer one is refused. */
export const PATTERN_CHARACTERS = 256
/** Jobs that one tick of a schedule makes; what is left of a catch-up comes with the next. */
export const TICK_RUNS = 100
/** Runs that `missed: { max }` can ask for. */
export const CATCH_UP_MOST = 10_000
/** Missed runs that are counted one by one when they are passed over; beyond, the count is too low. */
export const MISSED_COUNTED = 10_000
/** Milliseconds after its time within which a run is not called missed. */
export const RUN_LATE_MS = 10_000
