/** Options of jobs, queues, workers: every wrong value is refused with OPTION_INVALID naming its field; undefined is the default. */
import { describe, expect, test } from 'vitest'
import { HoldfastError, type KeepJobs, Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { ATTEMPTS_MOST, DURATION_MOST, PRIORITY_MOST, TIME_MOST } from '../../src/core/bounds.ts'
import { show } from '../../src/core/check.ts'
import { checkDefaultJobOptions, checkJobOptions } from '../../src/core/job-options.ts'
import { keptOf } from '../../src/core/kept.ts'

const NUMBERS: readonly unknown[] = [
  NaN,
  -1,
  1.5,
  Infinity,
  -Infinity,
  2 ** 53,
  '1',
  1n,
  true,
  null,
  {},
  [],
  Symbol('s'),
]
const NO_BOOLEANS: readonly unknown[] = [0, 1, 'true', null, {}, []]
const NO_OBJECTS: readonly unknown[] = [null, 1, 'x', [], true]

/** Wrong values for every option of a job; what each says is the field's name. */
const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  jobId: ['', 'x'.repeat(257), 'ü'.repeat(43), '\ud800', 7, null, {}, []],
  delay: [...NUMBERS, DURATION_MOST + 1],
  runAt: [NaN, new Date(NaN), Infinity, TIME_MOST + 1, '2026-01-01', null, {}, []],
  priority: [...NUMBERS, PRIORITY_MOST + 1],
  lifo: NO_BOOLEANS,
  attempts: [...NUMBERS, 0, ATTEMPTS_MOST + 1],
  timeout: [...NUMBERS, 0, DURATION_MOST + 1],
  timeoutPolicy: ['', 'Fail', 'restart', 1, true, null, {}, ['fail']],
  keepLogs: [...NUMBERS, 201],
  sizeLimit: [...NUMBERS, 256 * 1024],
  removeOnComplete: [
    NaN,
    -1,
    1.5,
    Infinity,
    'yes',
    null,
    [],
    {},
    { count: -1 },
    { count: NaN },
    { max: 1 },
    { age: -1 },
    { age: 0.5 },
    { age: '1' },
    { age: Infinity },
    { count: undefined },
  ],
  removeOnFail: [NaN, -1, 1.5, 'yes', null, [], {}, { count: '1' }],
  backoff: [NaN, -1, 1.5, Infinity, 'fixed', null, [], {}, { type: 'fixed', wait: 1 }],
  'backoff.type': [7, '', 'x'.repeat(101), null, undefined].map((type) => ({ type })),
  'backoff.delay': [...NUMBERS, DURATION_MOST + 1].map((delay) => ({ type: 'fixed', delay })),
  'backoff.factor': [NaN, 0.5, -1, 1001, Infinity, '2', null].map((factor) => ({ type: 'fixed', factor })),
  'backoff.jitter': [NaN, -0.1, 1.1, Infinity, '0', null, {}, { around: 2 }, { by: 1 }].map((jitter) => ({
    type: 'fixed',
    jitter,
  })),
  'backoff.maxDelay': [...NUMBERS].map((maxDelay) => ({ type: 'fixed', maxDelay })),
  tags: [
    'a',
    null,
    {},
    [''],
    [1],
    ['a', undefined],
    ['x'.repeat(129)],
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'],
  ],
  metadata: [...NO_OBJECTS, { a: 1 }, { a: undefined }, { a: null }, { a: 'x'.repeat(2048) }],
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

describe('every option of a job', () => {
  const cases = Object.entries(WRONG).flatMap(([field, values]) =>
    values.map((value, at) => [field, `${show(value)} (${at})`, value] as const),
  )
  test.each(cases)('%s refuses %s', (field, _, value) => {
    const [option = ''] = field.split('.')
    const error = refusal(() => checkJobOptions({ [option]: value }, {}))
    expect(error).toMatchObject({ code: 'OPTION_INVALID', outcome: 'failed' })
    expect(error.message).toContain(field)
  })

  test.each(Object.keys(WRONG).filter((field) => !field.includes('.')))(
    '%s takes undefined for its default',
    (field) => {
      expect(checkJobOptions({ [field]: undefined }, {})).toEqual({})
      expect(checkJobOptions({ [field]: undefined }, { attempts: 3 })).toEqual({ attempts: 3 })
    },
  )

  test.each(['timeoutpolicy', 'TTL', 'Delay', '__proto__x', 'toString', 'constructor'])(
    '%s is unknown',
    (name) => {
      const error = refusal(() => checkJobOptions({ [name]: 1 }, {}))
      expect(error.code).toBe('OPTION_INVALID')
      expect(error.message).toContain(`"${name}"`)
      expect(error.message).toContain('attempts')
    },
  )

  test('__proto__ as an own key is unknown too', () => {
    expect(refusal(() => checkJobOptions(JSON.parse('{"__proto__": {"attempts": 3}}'), {})).code).toBe(
      'OPTION_INVALID',
    )
  })

  test.each(NO_OBJECTS)('options that are %j are refused', (options) => {
    expect(refusal(() => checkJobOptions(options, {})).code).toBe('OPTION_INVALID')
  })
})

describe('what is right', () => {
  test('is kept in one form', () => {
    const runAt = new Date(1_790_000_000_000)
    expect(
      checkJobOptions(
        {
          jobId: 'é/:',
          runAt,
          priority: PRIORITY_MOST,
          backoff: 5,
          removeOnComplete: 3,
          removeOnFail: { count: 0 },
        },
        {},
      ),
    ).toEqual({
      jobId: 'é/:',
      runAt: 1_790_000_000_000,
      priority: PRIORITY_MOST,
      backoff: { type: 'fixed', delay: 5 },
      removeOnComplete: { count: 3 },
      removeOnFail: { count: 0 },
    })
  })

  test('a time long past, or before 1970, is now', () => {
    expect(checkJobOptions({ runAt: new Date('1950-01-01') }, {})).toEqual({ runAt: 0 })
  })

  test('a job id may have 256 bytes as escaped', () => {
    expect(checkJobOptions({ jobId: 'x'.repeat(256) }, {}).jobId).toHaveLength(256)
    expect(checkJobOptions({ jobId: 'ü'.repeat(42) }, {}).jobId).toHaveLength(42)
  })

  test('a key __proto__ of metadata stays a key', () => {
    const { metadata } = checkJobOptions(
      { metadata: JSON.parse('{"__proto__": "x"}') as Record<string, string> },
      {},
    )
    expect(Object.entries(metadata!)).toEqual([['__proto__', 'x']])
  })

  test('every rule of retention is one of number and age', () => {
    const of = (removeOnComplete: KeepJobs): unknown =>
      keptOf(checkJobOptions({ removeOnComplete }, {}), 'completed')
    const none = { count: 0, ageMs: Infinity }
    expect(keptOf({}, 'completed')).toEqual({ count: 1000, ageMs: Infinity })
    expect(keptOf({}, 'failed')).toEqual({ count: 5000, ageMs: Infinity })
    expect([of(true), of(0), of({ count: 0, age: 9 }), of({ age: 0 })]).toEqual([none, none, none, none])
    expect(of(false)).toEqual({ count: Infinity, ageMs: Infinity })
    expect([of(7), of({ count: 7 })]).toEqual([7, 7].map((count) => ({ count, ageMs: Infinity })))
    expect(of({ age: 86_400 })).toEqual({ count: Infinity, ageMs: 86_400_000 })
    expect(of({ age: 60, count: 7 })).toEqual({ count: 7, ageMs: 60_000 })
  })
})

describe('defaults of a queue', () => {
  test('give way to what the job says', () => {
    const defaults = checkDefaultJobOptions({ attempts: 5, delay: 100 })
    expect(checkJobOptions(undefined, defaults)).toEqual({ attempts: 5, delay: 100 })
    expect(checkJobOptions({ attempts: 2 }, defaults)).toEqual({ attempts: 2, delay: 100 })
    expect(checkJobOptions({ runAt: 5 }, defaults)).toEqual({ attempts: 5, runAt: 5 })
  })

  test('have nothing that belongs to one job', () => {
    for (const option of [{ jobId: 'x' }, { runAt: 1 }, { nonsense: 1 }, { attempts: 0 }])
      expect(refusal(() => checkDefaultJobOptions(option)).code).toBe('OPTION_INVALID')
  })

  test('delay and runAt of one job are refused together', () => {
    expect(refusal(() => checkJobOptions({ delay: 1, runAt: 1 }, {})).message).toContain('runAt')
  })
})

describe('queues and workers', () => {
  const store = memoryStore({ host: virtualHost() })
  const handler = (): undefined => undefined

  test.each<[string, unknown]>([
    ['store', {}],
    ['store', { store: null }],
    ['store', { store: {} }],
    ['store', undefined],
    ['defaultJobOptions', { store, defaultJobOptions: 5 }],
    ['attempts', { store, defaultJobOptions: { attempts: -1 } }],
    ['conection', { store, conection: {} }],
  ])('a queue refuses a wrong %s: %#', (field, options) => {
    const error = refusal(() => new Queue('q', options as never))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain(field)
  })

  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    concurrency: [...NUMBERS, 0, 10_001],
    lockDuration: [...NUMBERS, 9],
    lockRenewTime: [...NUMBERS, 0, 30_000],
    maxStalledCount: NUMBERS,
    name: ['', 7, 'x'.repeat(129), '\udc00'],
    autorun: NO_BOOLEANS,
    backoffStrategies: [...NO_OBJECTS, { mine: 5 }],
    store: [null, 5, {}],
    drainDelays: [5],
    settings: [...NO_OBJECTS, { backoffStrategy: 5 }, { lockDuration: 9 }, { nothing: 1 }],
  }
  const cases = Object.entries(wrong).flatMap(([field, values]) =>
    values.map((value, at) => [field, at, value] as const),
  )
  test.each(cases)('a worker refuses a wrong %s: %#', (field, _, value) => {
    const error = refusal(() => new Worker('q', handler, { store, [field]: value }))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain(field)
  })

  test.each(['', 'x'.repeat(129), '\ud800', 5, undefined, null])('neither takes %j for a name', (name) => {
    expect(refusal(() => new Queue(name as never, { store })).code).toBe('OPTION_INVALID')
    expect(refusal(() => new Worker(name as never, handler, { store })).code).toBe('OPTION_INVALID')
  })

  test.each([undefined, 5, [], { name: 5 }])('a worker does not take %j for a handler', (given) => {
    expect(refusal(() => new Worker('q', given as never, { store })).code).toBe('OPTION_INVALID')
  })
})

test('a value is shown short, on one line, whatever it is', () => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  for (const value of [
    1n,
    -0,
    Symbol('s'),
    'x'.repeat(500),
    circular,
    { a: '\n' },
    () => 1,
    undefined,
    null,
    [1],
  ]) {
    expect(show(value).length).toBeLessThanOrEqual(80)
    expect(show(value)).not.toContain('\n')
  }
  expect([show(-0), show(3n), show('a')]).toEqual(['-0', '3n', '"a"'])
})
