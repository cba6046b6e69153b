/** Data and results are held against schemas: before they are stored, before a handler sees them, and before a job completes. */
import { type } from 'arktype'
import { HoldfastError, Queue, type StandardSchema, Worker } from 'holdfast'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { only, stage } from '../stage/stage.ts'

/** The same rules in three libraries: a trimmed address, and how often it is tried. */
const LIBRARIES = {
  zod: z.object({ to: z.string().trim().min(1), tries: z.number().int().default(3) }),
  valibot: v.object({
    to: v.pipe(v.string(), v.trim(), v.minLength(1)),
    tries: v.optional(v.pipe(v.number(), v.integer()), 3),
  }),
  arktype: type({ to: 'string.trim', tries: 'number.integer = 3' }),
}

/** A schema of no library, as the standard allows. */
const schemaOf = (validate: StandardSchema['~standard']['validate']): StandardSchema => ({
  '~standard': { version: 1, vendor: 'test', validate },
})

const refusal = async (act: Promise<unknown>): Promise<HoldfastError> => {
  const error: unknown = await act.then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HoldfastError)
  return error as HoldfastError
}

describe.each(Object.entries(LIBRARIES))('%s', (_, welcome) => {
  const opened = () => {
    const made = stage()
    const schemas = { welcome } as { welcome: StandardSchema<any, any> }
    return { ...made, schemas, mails: new Queue('q', { store: made.store, schemas }) }
  }

  test('what is stored is what the schema gives, and the handler gets that', async () => {
    const { host, mails, schemas, worker, queue } = opened()
    const job = await mails.add('welcome', { to: ' ada ' }, { jobId: 'j' })
    expect(job.data).toEqual({ to: 'ada', tries: 3 })
    expect((await queue.getJob('j'))!.data).toEqual({ to: 'ada', tries: 3 })
    const seen: unknown[] = []
    worker((given) => void seen.push(given.data), { schemas })
    await host.idle()
    expect(seen).toEqual([{ to: 'ada', tries: 3 }])
  })

  test('what does not fit is refused before anything is written, path by path', async () => {
    const { mails, store, dump } = opened()
    const before = store.calls
    const error = await refusal(mails.add('welcome', { to: 7, tries: 1.5 }))
    expect(error).toMatchObject({ code: 'SCHEMA_MISMATCH', outcome: 'failed' })
    expect(error.message).toMatch(/data of "welcome" does not fit its schema: .*\$\.to .*\$\.tries /s)
    const bulk = ['ada', 'grace', 7].map((to) => ({ name: 'welcome' as const, data: { to } }))
    expect((await refusal(mails.addBulk(bulk))).message).toMatch(/^jobs\[2\]: .*\$\.to /)
    expect(store.calls).toBe(before)
    expect(dump().records.size).toBe(0)
  })

  test('data that were stored past it fail for good, and reach no handler', async () => {
    const { host, queue, schemas, worker, said } = opened()
    await queue.add('welcome', { to: 7 }, { jobId: 'j', attempts: 5 })
    let runs = 0
    worker(() => ++runs, { schemas })
    await host.idle()
    expect(runs).toBe(0)
    const job = (await queue.getJob('j'))!
    expect(job).toMatchObject({ failedCode: 'SCHEMA_MISMATCH', attemptsMade: 1 })
    expect(job.failedReason).toMatch(/^the job's data does not fit its schema: \$\.to /)
    expect(only(said, 'failed', 'exhausted')).toEqual([`failed j ${job.failedReason}`, 'exhausted j 1'])
  })
})

describe('a schema', () => {
  const asking = (welcome: unknown) => {
    const made = stage()
    return { ...made, mails: new Queue('q', { store: made.store, schemas: { welcome } as any }) }
  }

  test('may take its time', async () => {
    const { host, queue, store, worker } = stage()
    const schemas = {
      n: z.number().refine((n) => new Promise((resolve) => host.timer(100, () => resolve(n > 0)))),
    }
    const numbers = new Queue('q', { store, schemas })
    const adding = [numbers.add('n', 1, { jobId: 'a' }), refusal(numbers.add('n', -1))] as const
    await host.advance(100)
    expect((await adding[1]).code).toBe('SCHEMA_MISMATCH')
    await adding[0]
    await queue.add('n', -1, { jobId: 'b' })
    worker(({ data }) => data, { schemas, concurrency: 2 })
    await host.advance(100)
    expect((await queue.getJob('a'))!.returnvalue).toBe(1)
    expect((await queue.getJob('b'))!.failedCode).toBe('SCHEMA_MISMATCH')
  })

  test.each([
    ['a number of text', z.string().transform(Number)],
    ['one letter more each time', z.string().transform((text) => `${text}!`)],
  ])('must take what it gives, as it is: %s', async (_, schema: unknown) => {
    const { mails, dump } = asking(schema)
    const error = await refusal(mails.add('welcome', '1'))
    expect(error.code).toBe('SCHEMA_MISMATCH')
    expect(dump().records.size).toBe(0)
  })

  test('that changes data each time is told so', async () => {
    const { mails } = asking(z.number().transform((n) => n + 1))
    expect((await refusal(mails.add('welcome', 1))).message).toContain('changed by the schema each time')
  })

  test('that gives what is no JSON is told the path', async () => {
    const { mails } = asking(z.object({ at: z.coerce.date() }))
    const error = await refusal(mails.add('welcome', { at: '2026-01-01' }))
    expect(error).toMatchObject({ code: 'PAYLOAD_NOT_JSON', message: expect.stringContaining('$.at') })
  })

  test('that throws refuses the job, with what it threw', async () => {
    const thrown = new Error('no rules today')
    const throwing = schemaOf(() => {
      throw thrown
    })
    const { mails, queue, worker, host } = asking(throwing)
    const error = await refusal(mails.add('welcome', 1))
    expect(error).toMatchObject({ code: 'SCHEMA_MISMATCH', cause: thrown })
    expect(error.message).toContain('no rules today')
    // Nobody can say that stored data do not fit: it is tried again.
    await queue.add('welcome', 1, { jobId: 'j', attempts: 2, backoff: 1000 })
    worker(() => 1, { schemas: { welcome: throwing } })
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 1, failedCode: undefined })
  })

  test('says at most so much', async () => {
    const issues = Array.from({ length: 100 }, (_, n) => ({
      message: 'ü'.repeat(5000),
      path: ['list', n, { key: 'a b' }, Symbol('s')],
    }))
    const { mails } = asking(schemaOf(() => ({ issues })))
    const { message, cause } = await refusal(mails.add('welcome', 1))
    expect(message).toContain('$.list[0]["a b"]["Symbol(s)"] ')
    expect(message).toContain('and 95 more')
    expect(new TextEncoder().encode(message).length).toBeLessThanOrEqual(1024 + 100)
    expect(cause).toBe(issues)
  })

  test('is not asked about jobs of other names', async () => {
    const { mails } = asking(z.never())
    expect((await mails.add('other', { any: 1 })).data).toEqual({ any: 1 })
  })

  test('holds for data that are changed', async () => {
    const { mails } = asking(LIBRARIES.zod)
    const job = await mails.add('welcome', { to: 'ada' }, { jobId: 'j' })
    expect((await refusal(job.updateData({ to: 7 }))).code).toBe('SCHEMA_MISMATCH')
    await job.updateData({ to: ' grace ' })
    expect(job.data).toEqual({ to: 'grace', tries: 3 })
  })

  test('of a newer worker fills in what older data lack', async () => {
    const { host, queue, worker } = stage()
    await queue.add('n', { a: 1 })
    const seen: unknown[] = []
    worker(({ data }) => void seen.push(data), {
      schemas: { n: z.object({ a: z.number(), b: z.number().default(2) }) },
    })
    await host.idle()
    expect(seen).toEqual([{ a: 1, b: 2 }])
  })

  test.each<[string, unknown]>([
    ['schemas', 7],
    ['schemas.welcome', 7],
    ['schemas.welcome.data', { data: z }],
    ['schemas.welcome.result', { data: z.string(), result: 'string' }],
    ['schemas.welcome', { data: z.string(), progress: z.string() }],
  ])('is refused where it is none: %s', (field, welcome) => {
    const { store } = stage()
    const schemas = (field === 'schemas' ? welcome : { welcome }) as any
    expect(() => new Queue('q', { store, schemas })).toThrow(field)
    expect(() => new Worker('q', () => 1, { store, schemas, autorun: false })).toThrow(field)
  })
})

describe('a result', () => {
  const schemas = {
    sum: { data: z.array(z.number()), result: z.object({ sum: z.number(), of: z.number().default(0) }) },
  }

  test('is stored as its schema gives it', async () => {
    const { host, queue, worker, said } = stage()
    await queue.add('sum', [1, 2], { jobId: 'j' })
    worker(({ data }) => ({ sum: (data as number[]).reduce((a, b) => a + b, 0), extra: 1 }), { schemas })
    await host.idle()
    expect((await queue.getJob('j'))!.returnvalue).toEqual({ sum: 3, of: 0 })
    expect(only(said, 'completed')).toEqual(['completed j {"sum":3,"of":0}'])
  })

  test('that does not fit fails the job for good, as its work is done', async () => {
    const { host, queue, worker } = stage()
    await queue.add('sum', [1, 2], { jobId: 'j', attempts: 3 })
    worker(() => ({ sum: 'three' }), { schemas })
    await host.idle()
    const job = (await queue.getJob('j'))!
    expect(job).toMatchObject({ failedCode: 'SCHEMA_MISMATCH', attemptsMade: 1 })
    expect(job.failedReason).toMatch(/^the result does not fit its schema: \$\.sum /)
  })

  test('by hand is refused, and the lease goes on', async () => {
    const { queue, store } = stage()
    await queue.add('sum', 'no list', { jobId: 'a' })
    await queue.add('sum', [1], { jobId: 'b' })
    const hands = new Worker('q', null, { store, schemas })
    const job = (await hands.getNextJob())!
    expect(job.id).toBe('b')
    expect((await queue.getJob('a'))!.failedCode).toBe('SCHEMA_MISMATCH')
    expect((await refusal(job.moveToCompleted({ sum: '1' } as never))).code).toBe('SCHEMA_MISMATCH')
    await job.moveToCompleted({ sum: 1, of: 1 })
    expect((await queue.getJob('b'))!.returnvalue).toEqual({ sum: 1, of: 1 })
    await hands.close()
  })

  test('a mismatch that a handler meets elsewhere is an error like any other', async () => {
    const { host, queue, store, worker } = stage()
    const other = new Queue('other', { store, schemas })
    await queue.add('n', 1, { jobId: 'j', attempts: 2, backoff: 1000 })
    worker(() => other.add('sum', ['x'] as never))
    await host.idle()
    expect((await queue.getJob('j'))!).toMatchObject({ attemptsMade: 1, failedCode: undefined })
  })
})
