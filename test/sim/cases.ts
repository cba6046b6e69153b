/** What the simulator found, made small: plans that failed once, each by the one thing that went wrong in it. */
import { type JobSpec } from './jobs.ts'
import type { Options } from './options.ts'
import type { Plan, PlannedCall } from './plan.ts'

/** A quiet world with one worker and nothing wrong. */
const QUIET: Options = {
  shape: 'shared',
  trouble: 'all',
  machines: 1,
  workers: 1,
  producers: 1,
  queues: 1,
  concurrency: 3,
  leaseMs: 10_000,
  maxStalls: 3,
  jobs: 0,
  safetyMs: 12_000,
  latencyMs: 0,
  skewMs: 0,
  wallErrorMs: 0,
  faultRate: 0,
  lookFaultRate: 0,
  faultKinds: [],
  hintsLost: 0,
  hintsNoisy: 0,
  deaf: false,
}

const job = (n: number, ms: number, options: JobSpec['options'] = {}): JobSpec => ({
  n,
  queue: 0,
  data: { n, text: '' },
  options,
  acts: [{ do: 'return', ms, wait: 0, talks: false, heeds: true }],
  result: 3,
})

const add = (at: number, jobs: readonly number[]): PlannedCall => ({ kind: 'add', jobs, at, site: 0, id: 1 })

const plan = (seed: number, options: Partial<Options>, rest: Partial<Plan>): Plan => ({
  seed,
  options: { ...QUIET, ...options },
  jobs: [],
  calls: [],
  crashes: [],
  pauses: [],
  jumps: [],
  stops: [],
  faults: [],
  ...rest,
})

export const CASES: Readonly<Record<string, Plan>> = {
  'a worker is closed while its store does not say whether it opens': plan(
    1,
    { shape: 'own' },
    {
      faults: [{ incarnation: 'm0.1', of: 'look', call: 0, kind: 'hang', ms: 5000 }],
      stops: [{ site: 0, at: 1000, timeout: 0, downMs: 0 }],
    },
  ),
  'a claim whose answer was lost arrives while its worker looks for what it holds': plan(
    2,
    { latencyMs: 200 },
    {
      jobs: [job(0, 9000, { priority: 1 }), job(1, 6000, { priority: 0 }), job(2, 0, { priority: 2 })],
      calls: [add(100, [0]), add(2000, [1, 2])],
      faults: [{ incarnation: 'm0.1', of: 'commit', call: 4, kind: 'ghost', ms: 150 }],
    },
  ),
  'a worker gives up a claim for lost whose renewal was applied, and ends another job of it later': plan(
    1,
    { latencyMs: 200, safetyMs: 20_000 },
    {
      jobs: [job(0, 20_000), job(1, 4000)],
      calls: [add(100, [0, 1])],
      pauses: [{ site: 0, at: 5350, ms: 6000, asleep: false }],
      faults: [
        { incarnation: 'm0.1', of: 'commit', call: 3, kind: 'hang', ms: 8000 },
        { incarnation: 'm0.1', of: 'commit', call: 4, kind: 'after' },
      ],
    },
  ),
  'a suspect is claimed while the end of another is on its way, by the second cycle of many slots': plan(
    3,
    { trouble: 'pills', concurrency: 80, leaseMs: 1000, maxStalls: 1, latencyMs: 20, safetyMs: 8000 },
    {
      jobs: [
        job(0, 900, { timeout: 400 }),
        { ...job(1, 0), acts: [{ do: 'crash', ms: 0, wait: 0, talks: false, heeds: true }] },
        job(2, 0),
        job(3, 0),
      ],
      calls: [add(2300, [2]), add(2400, [3]), add(100, [0, 1])],
    },
  ),
  'the store fails while what an earlier process left is taken back, and the clock was set back': plan(
    1,
    { shape: 'own' },
    {
      jobs: [job(0, 3000)],
      calls: [add(100, [0])],
      jumps: [{ site: 0, at: 900, by: -3_600_000 }],
      crashes: [{ site: 0, at: 1000, downMs: 100 }],
      faults: [1, 2, 3, 4, 5].map(
        (call) => ({ incarnation: 'm0.2', of: 'look', call, kind: 'fail' }) as const,
      ),
    },
  ),
  'a worker with two cycles takes another job while the end of a suspect is on its way': plan(
    696304329,
    {
      ...{ shape: 'own', trouble: 'pills', machines: 2, producers: 2, concurrency: 80 },
      ...{ leaseMs: 8192, maxStalls: 1, safetyMs: 136_523 },
    },
    {
      jobs: [
        {
          ...job(0, 0, { delay: 3084 }),
          acts: [{ do: 'return', ms: 5794, wait: 2176, talks: true, heeds: true }],
        },
        {
          ...job(1, 0, {
            attempts: 2,
            backoff: { type: 'exponential', delay: 802, jitter: 0.5, maxDelay: 20_000 },
            timeout: 5000,
          }),
          acts: [
            { do: 'retry after', ms: 5638, wait: 1458, talks: false, heeds: true },
            { do: 'hang', ms: 3992, wait: 1947, talks: false, heeds: false },
          ],
        },
        {
          ...job(2, 0, { attempts: 3, backoff: { type: 'own', delay: 700 }, timeout: 9007 }),
          acts: [
            { do: 'hang', ms: 0, wait: 0, talks: false, heeds: true },
            { do: 'retry after', ms: 2396, wait: 1569, talks: true, heeds: true },
            { do: 'hang', ms: 0, wait: 2822, talks: true, heeds: false },
          ],
        },
        {
          ...job(3, 0, { jobId: 'job/3', lifo: true, attempts: 2 }),
          acts: [{ do: 'crash', ms: 0, wait: 687, talks: false, heeds: true }],
        },
      ],
      calls: [add(103_400, [0, 1]), add(103_400, [2]), add(103_400, [3])],
    },
  ),
}
