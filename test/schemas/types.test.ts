/** Programs with schemas: what must compile, and what must not. The compiler is the test; nothing here is run. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import { Queue, type StandardSchema, type Store, Worker } from 'holdfast'
import * as v from 'valibot'
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'

const schemas = {
  welcome: {
    data: z.object({ to: z.string(), tries: z.number().default(3) }),
    result: z.object({ messageId: z.string() }),
  },
  digest: v.object({ week: v.number() }),
  report: { data: type({ month: '1 <= number <= 12' }) },
}

const programs = {
  async adding(store: Store) {
    const queue = new Queue('emails', { store, schemas })
    const job = await queue.add('welcome', { to: 'ada' })
    expectTypeOf(job.data).toEqualTypeOf<{ to: string; tries: number }>()
    expectTypeOf(job.returnvalue).toEqualTypeOf<{ messageId: string } | undefined>()
    expectTypeOf((await queue.add('digest', { week: 1 })).data).toEqualTypeOf<{ week: number }>()
    await queue.addBulk([{ name: 'report', data: { month: 1 } }])
    await job.updateData({ to: 'grace', tries: 1 })
    // @ts-expect-error a name that has no schema
    await queue.add('welcom', { to: 'ada' })
    // @ts-expect-error data of another shape
    await queue.add('welcome', { too: 'ada' })
    // @ts-expect-error data of another name
    await queue.add('digest', { to: 'ada' })
    // @ts-expect-error what the schema would not take
    await queue.addBulk([{ name: 'report', data: { month: 'May' } }])
    // @ts-expect-error what is stored has all of it
    await job.updateData({ to: 'grace' })
    // @ts-expect-error no schema
    void new Queue('emails', { store, schemas: { welcome: { to: 'string' } } })
  },

  working(store: Store) {
    void new Worker(
      'emails',
      {
        welcome: async (job) => {
          expectTypeOf(job.data).toEqualTypeOf<{ to: string; tries: number }>()
          return { messageId: job.data.to.repeat(job.data.tries) }
        },
        digest: (job, { signal }) => {
          expectTypeOf(job.data.week).toEqualTypeOf<number>()
          return signal.aborted
        },
      },
      { store, schemas, concurrency: 3 },
    ).on('completed', (job) => expectTypeOf(job.name).toEqualTypeOf<'welcome' | 'digest' | 'report'>())
    void new Worker(
      'emails',
      (job) => {
        if (job.name === 'welcome') return { messageId: job.data.to }
        // @ts-expect-error of another name
        return job.data.to
      },
      { store, schemas },
    )
    // @ts-expect-error a result of another shape
    void new Worker('emails', { welcome: () => ({ messageid: 1 }) }, { store, schemas })
    // @ts-expect-error a name that has no schema
    void new Worker('emails', { welcom: () => 1 }, { store, schemas })
  },

  async named(store: Store) {
    const queue: Queue<typeof schemas> = new Queue('emails', { store, schemas })
    const handlers = new Worker<typeof schemas>(
      'emails',
      { digest: ({ data }) => data.week },
      { store, schemas },
    )
    expectTypeOf((await handlers.getNextJob())!.name).toEqualTypeOf<'welcome' | 'digest' | 'report'>()
    return queue.getJob('1')
  },

  /** The standard's own types and ours are one. */
  standard(one: StandardSchemaV1<string, number>, other: StandardSchema<string, number>) {
    const taken: StandardSchema<string, number> = one
    return [taken, other]
  },
}

test('programs with schemas compile, or do not, as they should', () => {
  expect(Object.keys(programs)).toHaveLength(4)
})
