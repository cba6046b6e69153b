/** What BullMQ's users paste: every row of the table does what it says, through a real queue, worker or job. */
import { describe, expect, test } from 'vitest'
import { HoldfastError, Queue, Worker, type WorkerOptions } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { LEGACY } from '../../src/core/legacy.ts'
import { checkJobOptions } from '../../src/core/job-options.ts'
import { checkRepeat } from '../../src/core/schedule-options.ts'
import { renews } from '../faults/units.ts'
import { only, stage } from '../stage/stage.ts'

type Place = keyof typeof LEGACY
type Verdict = 'moot' | 'refused' | 'later'

const TUNING =
  'drainDelay guardInterval retryProcessDelay runRetryDelay stalledInterval skipStalledCheck skipLockRenewal blockingConnection skipVersionCheck skipWaitingForReady skipMetasUpdate'

/** Every name, by where it is found and what is to become of it: said a second time. */
const EXPECTED: Readonly<Record<Place, Readonly<Record<Verdict, string>>>> = {
  queue: {
    moot: `${TUNING} streams`,
    refused: 'connection redis prefix settings limiter',
    later: 'telemetry metrics',
  },
  worker: {
    moot: `${TUNING} maximumRateLimitDelay`,
    refused:
      'connection redis prefix useWorkerThreads workerForkOptions workerThreadsOptions removeOnComplete removeOnFail maxStartedAttempts',
    later: 'ttl telemetry metrics',
  },
  settings: {
    moot: TUNING,
    refused: 'backoffStrategies repeatStrategy repeatKeyHashAlgorithm',
    later: '',
  },
  job: {
    moot: '',
    refused: 'stackTraceLimit timestamp debounce',
    later:
      'parent failParentOnFailure continueParentOnFailure ignoreDependencyOnFailure removeDependencyOnFailure telemetry',
  },
  retention: { moot: 'limit', refused: '', later: '' },
  repeat: { moot: '', refused: 'cron utc key jobId count prevMillis', later: '' },
}

const rows = (verdict: Verdict): [Place, string][] =>
  (Object.keys(EXPECTED) as Place[]).flatMap((place) =>
    EXPECTED[place][verdict]
      .split(' ')
      .filter((name) => name !== '')
      .map((name): [Place, string] => [place, name]),
  )

/** Gives an option where it belongs; what was warned of. */
function give(place: Place, name: string, value: unknown): readonly string[] {
  const host = virtualHost()
  const store = memoryStore({ host })
  const worker = (options: object): Worker =>
    new Worker('emails', () => undefined, { store, autorun: false, ...options })
  if (place === 'queue') void new Queue('emails', { store, [name]: value })
  if (place === 'worker') worker({ [name]: value })
  if (place === 'settings') worker({ settings: { [name]: value } })
  if (place === 'job') checkJobOptions({ [name]: value }, {})
  if (place === 'retention') checkJobOptions({ removeOnComplete: { count: 1, [name]: value } }, {})
  if (place === 'repeat') checkRepeat({ every: 1, [name]: value }, () => 'UTC')
  return host.warnings
}

function refusal(act: () => unknown): HoldfastError {
  try {
    act()
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('the table', () => {
  test('has these rows', () => {
    for (const [place, table] of Object.entries(LEGACY)) {
      const found = { moot: '', refused: '', later: '' }
      for (const [name, { is }] of Object.entries(table)) found[is] += ` ${name}`
      for (const verdict of ['moot', 'refused', 'later'] as const)
        expect(found[verdict].trim(), place).toBe(EXPECTED[place as Place][verdict])
    }
  })

  test.each(rows('moot'))('%s: %s is passed over', (place, name) => {
    const warnings = give(place, name, 5)
    // Nobody is told of what makes no difference at all.
    if (place === 'retention') return expect(warnings).toEqual([])
    const { say } = LEGACY[place][name]!
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(place === 'settings' ? `settings.${name}` : name)
    expect(warnings[0]).toContain(say)
    expect(warnings[0]).toContain('"emails"')
  })

  test.each(rows('refused'))('%s: %s is refused with what to write', (place, name) => {
    const error = refusal(() => give(place, name, {}))
    expect(error).toMatchObject({ code: 'NOT_SUPPORTED', outcome: 'failed' })
    expect(error.message).toContain(`takes no ${name}: `)
    expect(error.message).toMatch(/Write|leave it out/)
  })

  test.each(rows('later'))('%s: %s is no option yet', (place, name) => {
    const error = refusal(() => give(place, name, {}))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain(`"${name}" yet: ${LEGACY[place][name]!.say}; it has `)
  })

  test.each([...rows('moot'), ...rows('refused'), ...rows('later')])(
    '%s: %s may be undefined, as any option',
    (place, name) => {
      expect(give(place, name, undefined)).toEqual([])
    },
  )

  test.each<Place>(['queue', 'worker', 'settings', 'job', 'retention'])(
    '%s: other names are unknown, whatever their value',
    (place) => {
      for (const name of ['conection', 'toString', 'constructor']) {
        expect(refusal(() => give(place, name, undefined)).message).toContain(
          `has no option "${name}"; it has`,
        )
        expect(refusal(() => give(place, name, 5)).code).toBe('OPTION_INVALID')
      }
    },
  )

  test.each(['queue', 'worker', 'settings', 'job'] as const)('%s: no row hides an option', (place) => {
    const { message } = refusal(() => give(place, 'nothing', 1))
    const options = message.split('it has ')[1]!.split(', ')
    expect(options.filter((name) => name in LEGACY[place])).toEqual([])
  })
})

test('there is one warning for all that was passed over', () => {
  const { host, worker } = stage()
  worker(() => 1, { drainDelay: 5, skipVersionCheck: true, settings: { stalledInterval: 30_000 } })
  expect(host.warnings).toHaveLength(1)
  for (const name of ['drainDelay', 'skipVersionCheck', 'settings.stalledInterval'])
    expect(host.warnings[0]).toContain(name)
})

test('nothing is said where nothing was passed over', () => {
  const { host, worker } = stage()
  worker(() => 1, { settings: { lockDuration: 5000 } })
  expect(host.warnings).toEqual([])
})

test.each(['./handler.js', new URL('file:///app/handler.js')])('%s is no handler', (path) => {
  const store = memoryStore({ host: virtualHost() })
  const error = refusal(() => new Worker('q', path as never, { store }))
  expect(error.code).toBe('NOT_SUPPORTED')
  expect(error.message).toContain(`import handler from "${String(path)}"`)
})

describe('settings.backoffStrategy', () => {
  type Settings = NonNullable<WorkerOptions['settings']>
  const play = async (options: Partial<WorkerOptions>, type = 'custom') => {
    const { host, queue, said, worker } = stage()
    await queue.add('n', 1, { attempts: 3, backoff: { type, delay: 70 }, jobId: 'j' })
    const begin = host.wall()
    const starts: number[] = []
    worker(() => {
      starts.push(host.wall() - begin)
      throw new Error(`no ${starts.length}`)
    }, options)
    await host.advance(1_000_000)
    return { starts, errors: only(said, 'error'), job: (await queue.getJob('j'))! }
  }

  test('serves any type, and gets attemptsMade, type, error and job', async () => {
    const asked: unknown[] = []
    const backoffStrategy: Settings['backoffStrategy'] = (attemptsMade, type, error, job) => {
      asked.push([attemptsMade, type, error.message, job.id])
      return [500, 900][attemptsMade - 1]!
    }
    const { starts, errors } = await play({ settings: { backoffStrategy } }, 'mine')
    expect(asked).toEqual([
      [1, 'mine', 'no 1', 'j'],
      [2, 'mine', 'no 2', 'j'],
    ])
    expect(starts).toEqual([0, 500, 1400])
    expect(errors).toEqual([])
  })

  test('comes after a strategy of that name', async () => {
    const settings = { backoffStrategy: () => 900 }
    const backoffStrategies = { mine: () => 100 }
    expect((await play({ settings, backoffStrategies }, 'mine')).starts).toEqual([0, 100, 200])
    expect((await play({ settings, backoffStrategies }, 'other')).starts).toEqual([0, 900, 1800])
    expect((await play({ settings, backoffStrategies }, 'toString')).starts).toEqual([0, 900, 1800])
  })

  test('is not asked for what is built in', async () => {
    expect((await play({ settings: { backoffStrategy: () => 900 } }, 'fixed')).starts).toEqual([0, 70, 140])
  })

  test('may say -1: the job fails for good; and 0: at once', async () => {
    const { starts, job } = await play({ settings: { backoffStrategy: () => -1 } })
    expect(starts).toEqual([0])
    expect(job.failedCode).toBe('UNRECOVERABLE')
    expect((await play({ settings: { backoffStrategy: async () => 0 } })).starts).toEqual([0, 0, 0])
  })
})

describe('settings of leases', () => {
  /** How long a lease lasts, when it is renewed, and whether a stall is the end of its job. */
  const play = async (options: Partial<WorkerOptions>) => {
    const { host, queue, store, worker, dump } = stage()
    await queue.add('n', 1, { jobId: 'j' })
    worker(() => new Promise(() => {}), options)
    const begin = host.wall()
    await host.idle()
    const lease = Number(dump().lanes.get('claims:q')![0]!.slice(0, 13)) - begin
    let renewal = 0
    store.moodOf = (changes) => {
      if (!renews(changes)) return 'well'
      if (renewal === 0) renewal = host.wall() - begin
      return 'failed'
    }
    await host.advance(4 * lease)
    return { lease, renewal, failedCode: (await queue.getJob('j'))!.failedCode }
  }

  test("are read as the worker's own", async () => {
    const settings = { lockDuration: 4000, lockRenewTime: 500, maxStalledCount: 0 }
    expect(await play({ settings })).toEqual({ lease: 4000, renewal: 500, failedCode: 'STALLED' })
    expect(await play({ settings: { lockDuration: 4000 } })).toMatchObject({ lease: 4000, renewal: 2000 })
  })

  test("give way to the worker's own", async () => {
    const settings = { lockDuration: 4000, lockRenewTime: 500, maxStalledCount: 0 }
    const own = { lockDuration: 6000, lockRenewTime: 1000, maxStalledCount: 100 }
    expect(await play({ settings, ...own })).toEqual({ lease: 6000, renewal: 1000, failedCode: undefined })
  })

  test("must agree with the worker's own", () => {
    const store = memoryStore({ host: virtualHost() })
    const options = { store, lockDuration: 5000, settings: { lockRenewTime: 5000 } }
    expect(refusal(() => new Worker('q', () => 1, options)).message).toContain('lockRenewTime')
  })
})

test('retention takes a limit of removals and goes by its own', () => {
  const removeOnComplete = { count: 5, limit: 10 }
  expect(checkJobOptions({ removeOnComplete }, {})).toEqual({ removeOnComplete: { count: 5 } })
})
